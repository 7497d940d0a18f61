#!/bin/sh
# Lets every user in the container shut it down with the usual commands, without sudo.
set -eu

cat > /usr/local/bin/poweroff <<'END'
#!/bin/sh
# Runs the system's command of this name as root: poweroff, reboot, shutdown. Without arguments, halt and close shut down
# this container as poweroff does, and shutdown does so at once.
word=${0##*/}
case $word in
    close) word=poweroff ;;
    halt) [ $# -gt 0 ] || word=poweroff ;;
    shutdown) [ $# -gt 0 ] || set -- now ;;
esac
exec sudo --non-interactive "/usr/sbin/$word" "$@"
END
chmod 755 /usr/local/bin/poweroff
for word in halt close reboot shutdown; do
    ln -sf poweroff "/usr/local/bin/$word"
done

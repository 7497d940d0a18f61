#!/bin/sh
# Lets every user in the container shut it down with the usual commands, without sudo.
set -eu

install_words() {
    cat > "/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

install_words poweroff <<'END'
#!/bin/sh
# Shuts down this container: poweroff, halt and close are the same here.
exec sudo --non-interactive /usr/bin/systemctl poweroff
END
for word in halt close; do
    ln -sf poweroff "/usr/local/bin/$word"
done

install_words shutdown <<'END'
#!/bin/sh
# Shuts down this container at once, or as its arguments say.
[ $# -gt 0 ] || set -- now
exec sudo --non-interactive /usr/sbin/shutdown "$@"
END

install_words reboot <<'END'
#!/bin/sh
# Restarts this container; with -p shuts it down instead.
for word in "$@"; do
    case $word in
        -p | --poweroff) exec poweroff ;;
    esac
done
exec sudo --non-interactive /usr/bin/systemctl reboot
END

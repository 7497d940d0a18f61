# What the agent does to it later: places change their kind, so that whoever writes them again is led elsewhere.
set -e
cd /workspace
# what closes the repository is within the reach of the container's root
for place in $(findmnt -rno TARGET | grep '^/workspace/' | tac); do sudo umount "$place"; done
rm -rf .git/objects dir empty nested/.git passwd bin $'a\nb' $'new\nline' .git/refs
cp .git/config config-that-stays
mv .git "$HOME/was-git"
printf 'gitdir: %s/evil.git\n' "$OUTSIDE" >.git
ln -s "$OUTSIDE/evil.git" nested/.git
ln -s "$SSH" dir
ln -s "$SSH/id_ed25519" bin
ln -s "$OUTSIDE" empty
mkdir passwd new
echo in >passwd/in
ln -s "$SSH" new/ssh
mv $'bad\377name' $'worse\377name'
echo changed >crlf
chmod 600 crlf
rm to-key
echo mine >to-key

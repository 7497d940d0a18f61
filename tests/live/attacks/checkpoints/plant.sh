# What an agent makes of its workspace, run in the container: PROBE, OUTSIDE and SSH are places of the host.
set -e
cd /workspace
export GIT_CONFIG_GLOBAL=/dev/null
repository() {
    git init -q -b main "$1"
    git -C "$1" config user.name a
    git -C "$1" config user.email a@b
}
commit() {
    git -C "$1" add -A
    git -C "$1" commit -qm "$2"
}
repository .
# bytes that git would change, and names that are none
printf 'one\r\n$Id$\r\n' >crlf
printf '\377\376\000x' >bin
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 7 >big.lfs
mkdir -p dir/deep empty $'a\nb' hooked
echo deep >dir/deep/file
echo odd | tee $'bad\377name' $'new\nline' $'esc\033[31m' $'a\nb/-rf' >/dev/null
chmod 640 crlf
chmod 1750 dir
touch -d @1000000000.123456789 bin empty
commit . one
echo two >>crlf
git stash -q
repository nested
echo n >nested/file
commit nested nested
repository broken
echo b >broken/file
commit broken broken
rm -rf broken/.git/objects
mkdir by-file by-link
printf 'gitdir: %s/evil.git\n' "$OUTSIDE" >by-file/.git
ln -s "$OUTSIDE/evil.git" by-link/.git
# ways out
ln -s "$SSH" to-ssh
ln -s "$SSH/id_ed25519" to-key
ln -s /etc/passwd passwd
ln -s ../.. up
ln -s loop loop
ln -s "$OUTSIDE" .git/outside
# what is no file
mkfifo fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
truncate -s 10G sparse
sudo sh -c 'echo root >of-root; chmod 600 of-root; mkdir -m 700 root-dir; echo in >root-dir/in'
# everything by which git runs something, and reads something elsewhere
for key in core.fsmonitor core.pager core.editor core.sshCommand core.askPass core.gitProxy core.alternateRefsCommand \
    diff.external diff.evil.command diff.evil.textconv filter.evil.clean filter.evil.smudge filter.evil.process \
    filter.lfs.clean filter.lfs.smudge merge.evil.driver sequence.editor gpg.program gpg.ssh.program credential.helper \
    uploadpack.packObjectsHook interactive.diffFilter pager.log pager.diff pager.status trailer.x.command; do
    git config "$key" "$PROBE $key"
done
git config filter.evil.required true
git config commit.gpgSign true
git config core.autocrlf true
git config alias.status "!$PROBE alias"
git config alias.log "!$PROBE alias"
git config include.path "$OUTSIDE/included"
git config core.attributesFile "$OUTSIDE/attributes"
git config core.excludesFile "$OUTSIDE/excludes"
git config core.hooksPath hooked
echo "$OUTSIDE/evil.git/objects" >.git/objects/info/alternates
printf '* text=auto ident filter=evil diff=evil merge=evil working-tree-encoding=UTF-16\n*.lfs filter=lfs\n' |
    tee .gitattributes >.git/info/attributes
for hook in post-checkout post-commit post-index-change post-rewrite pre-auto-gc pre-commit reference-transaction; do
    for place in hooked .git/hooks; do
        printf '#!/bin/sh\n%s hook-%s\n' "$PROBE" "$hook" >"$place/$hook"
        chmod 755 "$place/$hook"
    done
done
cp .git/config nested/.git/config

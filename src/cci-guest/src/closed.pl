# Closes a repository for the container that starts: a program of the host, which sees nothing but the container from here on.
use strict;
chroot $ENV{LXC_ROOTFS_MOUNT} and chdir "/" or exit;
my ($home, @closed) = @ARGV;
my ($uid, $gid) = (stat $home)[4, 5];
# The same numbers on every processor: open_tree, move_mount and mount_setattr.
my ($open_tree, $move_mount, $mount_setattr, $here) = (428, 429, 442, -100);
my ($clone, $no_follow, $empty_path, $from_descriptor) = (1, 0x100, 0x1000, 4);
my ($readonly, $itself) = (pack("Q4", 1, 0, 0, 0), "");

sub on_top {
    my ($what, $place, $is_readonly) = @_;
    my $tree = syscall $open_tree, $here, $what, $clone | $no_follow;
    return if $tree < 0;
    return if $is_readonly and syscall($mount_setattr, $tree, $itself, $empty_path, $readonly, length $readonly) < 0;
    syscall $move_mount, $tree, $itself, $here, $place, $from_descriptor;
}

# The file itself would be no place for a new one to be renamed to; where a link leads, git renames.
sub own {
    my ($place, $named) = @_;
    my $own = "$home/.cci-git";
    for my $name (split m{/}, $named) {
        mkdir($own) and chown $uid, $gid, $own;
        $own .= "/$name" if length $name;
    }
    my ($theirs, $ours) = map { (stat $_)[9] } $place, $own;
    if (!defined $ours or $theirs > $ours) {
        open my $from, "<", $place or return;
        open my $to, ">", $own or return;
        print $to do { local $/; <$from> };
        close $to or return;
        chown $uid, $gid, $own;
    }
    unlink "$own.link";
    symlink $own, "$own.link" and on_top("$own.link", $place, 0);
}

# Whatever an agent has made of the places, the container starts.
for (@closed) {
    eval { closed($_) };
}
exit;

sub closed {
    my ($how, @hex) = split /:/, $_[0];
    my ($place, $named) = map { pack "H*", $_ } @hex;
    return if -l $place or !(-d _ or -f _);
    if ($how eq "own") { own($place, $named) if -f _ and (-s _) < 1 << 20 }
    else { on_top($place, $place, $how eq "readonly") }
}

# shellcheck shell=bash
# Watches a container for its checkpoints; nothing in it stands still for more than $1 seconds.
limit=$1
shopt -s nullglob
# Two watches that stopped each other would never go on: by this name they look for each other.
printf cci-watch >/proc/self/comm
# Whether a process is a watch: it or its parent was started from outside the container, where no parent of it is seen,
# by root and with these words. A name alone says nothing, because every process chooses its own.
is_watch() {
    local process=$1 text words _
    for _ in 1 2; do
        text='' words=()
        { IFS= read -r -d '' text <"/proc/$process/status"; } 2>/dev/null
        { mapfile -d '' -t words <"/proc/$process/cmdline"; } 2>/dev/null
        [[ $text == *$'\nUid:\t0\t'* && ${words[2]-} == "$BASH_EXECUTION_STRING" ]] || return 1
        text=${text#*$'\nPPid:\t'} process=${text%%$'\n'*}
        [[ $process != 0 ]] || return 0
    done
    return 1
}
# Sets what a process is doing, whose child it is and who traces it; false if it is gone, or watches too.
look() {
    local text='' task
    { IFS= read -r -d '' text <"/proc/$1/status"; } 2>/dev/null
    if [[ $text == $'Name:\tcci-'* ]] && is_watch "$1"; then return 1; fi
    # the first line is a name that the process chose
    text=${text#*$'\n'}
    [[ $text == *State:* ]] || return 1
    text=${text#*State:$'\t'} state=${text:0:1}
    text=${text#*PPid:$'\t'} parent=${text%%$'\n'*}
    text=${text#*TracerPid:$'\t'} tracer=${text%%$'\n'*}
    # one whose first thread has ended goes on in the others
    if [[ $state == Z && $text != *$'\nThreads:\t1\n'* ]]; then
        for task in "/proc/$1/task"/*; do
            { IFS= read -r -d '' text <"$task/status"; } 2>/dev/null
            text=${text#*$'\nState:\t'}
            [[ ${text:0:1} == [RSDI] ]] && state=${text:0:1}
        done
    fi
    return 0
}
# The processes that are still to be stopped, each with its parent.
find_moving() {
    local process
    moving=()
    for process in /proc/[1-9]*; do
        process=${process#/proc/}
        # what is told to stop is not told again
        [[ -z ${held[process]} && $process != 1 && $process != "$$" && $process != "$BASHPID" ]] || continue
        # one that somebody else has stopped, or traces, is left to them
        if look "$process" && [[ $state == [RSDI] && $tracer == 0 ]]; then
            moving[process]=$parent
        fi
    done
}
# Waits until none of these runs, because a parent that still runs would see its children stop. A process in the middle
# of a call to the disk stops at its end.
wait_for() {
    local process tries
    for process; do
        for ((tries = 0; ; tries++)); do
            look "$process" || break
            [[ $state == [RSDI] && ! ($state == D && $tries -gt 20) ]] || break
            pause 0.0005 || return 1
        done
    done
}
# Waits for so long; false if it is over, or there was something to read.
pause() {
    local now=${EPOCHREALTIME/[.,]/}
    ((now < end)) || return 1
    IFS= read -r -t "$1" -n 1 _
    (($? > 128))
}
# Takes the name of the one watch that may stop others, and gives it back if another has it: one that continued children
# while another stopped them would show them to their parents as stopped.
take_turn() {
    local process other name
    while :; do
        printf cci-still >"/proc/$BASHPID/comm"
        other=
        for process in /proc/[1-9]*; do
            process=${process#/proc/} name=
            [[ $process != "$BASHPID" ]] || continue
            { read -r name <"/proc/$process/comm"; } 2>/dev/null
            if [[ $name == cci-still ]] && is_watch "$process"; then other=$process; fi
        done
        [[ $other ]] || return 0
        printf cci-watch >"/proc/$BASHPID/comm"
        pause "0.00$((BASHPID % 9 + 1))" || return 1
    done
}
# Stops everything, parents first.
stop() {
    local process level
    held=() order=()
    while find_moving; ((${#moving[@]})); do
        while ((${#moving[@]})); do
            level=()
            for process in "${!moving[@]}"; do
                [[ -n ${moving[${moving[process]}]} ]] || level+=("$process")
            done
            # no process is its own ancestor, unless a number was given away meanwhile
            ((${#level[@]})) || level=("${!moving[@]}")
            for process in "${level[@]}"; do
                held[process]=1 order=("$process" "${order[@]}")
                unset "moving[$process]"
            done
            kill -STOP "${level[@]}" 2>/dev/null
            wait_for "${level[@]}" || return 1
        done
    done
}
# Continues what was stopped, children first.
go_on() {
    ((!${#order[@]})) || kill -CONT "${order[@]}" 2>/dev/null
    order=()
    printf cci-watch >"/proc/$BASHPID/comm"
}
# Prints a word that any change of the root file system changes, where that is one of btrfs: the transaction and the time
# of its last one. With an argument, what is only in memory is written first, since that too counts when it is written.
# Nothing where there are subvolumes below it, whose changes are not its own.
find_state() {
    # shellcheck disable=SC2016 # the variables are perl's
    perl -e 'open my $root, "<", "/" or exit; !@ARGV || ioctl $root, 0x9408, 0 or exit; my $info = "\0" x 504;
        my $below = "\0" x 4096; ioctl $root, 0xd000943d, $below or exit; exit if ord substr $below, 4088, 1;
        ioctl $root, 0x81f8943c, $info or exit; printf "%u.%u.%09u\n", unpack "x344 Q x24 Q L", $info' "$@" 2>/dev/null
}
# Sets how often init has run so far; empty if that cannot be known.
find_runs() {
    runs=
    { IFS= read -r -d '' runs </proc/1/status; } 2>/dev/null
    [[ $runs == *voluntary_ctxt_switches:* ]] && runs=${runs#*voluntary_ctxt_switches:} || runs=
}
# Lets nothing move until there is something to read. With an argument, nobody asks what the root file system is then.
stand_still() {
    local now runs before first='' state=''
    [[ ${1-} ]] || IFS= read -r -t 0.05 first < <(find_state)
    now=${EPOCHREALTIME/[.,]/}
    end=$((now + limit * 1000000))
    order=()
    trap go_on EXIT
    if take_turn && stop; then
        find_runs
        before=$runs
        printf '%s\n' "$EPOCHREALTIME"
        now=${EPOCHREALTIME/[.,]/}
        now=$((end > now ? end - now : 1))
        printf -v now '%d.%06d' $((now / 1000000)) $((now % 1000000))
        IFS= read -r -t "$now" _
        now=$?
        ((now != 0)) || [[ ${1-} ]] || IFS= read -r -t 0.05 state < <(find_state)
        find_runs
        go_on
        # what init, or anything that could not be stopped, has done since it was copied is not in the copy
        [[ $before && $runs == "$before" && $state == "$first" ]] || state=
        if ((now == 0)); then echo "held${state:+ $state}"; else echo late; fi
    else
        go_on
        echo late
    fi
    trap - EXIT
}
# Sets what `find` is not to enter: what the kernel makes up, and what is mounted, which may be of the same disk.
find_mounts() {
    local place
    apart=(-path /dev -o -path /proc -o -path /run -o -path /sys)
    while read -r _ _ _ _ place _; do
        printf -v place %b "${place//\\/\\0}"
        case $place/ in
        // | /dev/* | /proc/* | /run/* | /sys/*) continue ;;
        esac
        place=${place//\\/\\\\} place=${place//\*/\\*} place=${place//\?/\\?} place=${place//\[/\\[}
        apart+=(-o -path "$place")
    done </proc/self/mountinfo
}
# Prints something if a file below $1 has changed since $2, or if that cannot be known. A socket is nothing that could be brought back, and the one of tmux changes
# with each attach.
find_newer() {
    local subvolumes=()
    # their tops have this number; what is in them is on another device
    [[ $(stat -f -c %T / 2>/dev/null) != btrfs ]] || subvolumes=(-o -type d -inum 256)
    find "$1" -xdev \( "${apart[@]}" \) -prune -o \( -newerct "$2" ! -type s "${subvolumes[@]}" \) -print -quit 2>/dev/null ||
        echo unknown
}
# Whether anything has changed since a moment, at which the root file system was in state $2, if that is known. Most of the
# files are the system's own, in two parts of about the same size; all are looked at at once.
changed() {
    local apart part parts=(/usr/lib /usr/share) looks=() answer=same state=
    IFS= read -r -t 0.2 state < <(find_state written)
    if [[ $state && $state == "$2" ]]; then
        echo "same $state"
        return
    fi
    find_mounts
    for part in "${parts[@]}"; do
        [[ ! -d $part ]] || { [[ ! $(find_newer "$part" "$1") ]]; } &
        looks+=("$!")
    done
    for part in "${parts[@]}"; do
        apart+=(-o -path "$part")
    done
    [[ ! $(find_newer / "$1") ]] || answer=changed
    for part in "${looks[@]}"; do
        [[ $answer == same ]] || kill "$part" 2>/dev/null
        wait "$part" || answer=changed
    done
    [[ $answer == changed || ! $state ]] || answer+=" $state"
    echo "$answer"
}
work() {
    local word since state
    echo ready
    while read -r word since state; do
        case $word in
        changed) changed "$since" "$state" ;;
        still) stand_still ;;
        halt) stand_still "$word" ;;
        esac
    done
}
# Incus kills what it has started when cci is killed: what continues the others must not be that process
work <&0 &
wait

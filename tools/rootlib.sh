# shellcheck shell=bash
# shellcheck disable=SC2154 # variables that the sourcing script sets, see maker
# Shared by the scripts that make Debian roots and what belongs to them, and by
# the checks that use these. Source it with `set -eu` on; it defines functions
# only. Besides words and checks it holds
#
#   maker        the whole of a script that makes one directory in the cache
#   debian_root  the steps by which such a script makes a Debian root

# ---- words ----

# die SENTENCE: the one way in which these scripts fail. Where standard error is
# a log, report_fd is the caller's.
die() {
  doing=
  printf '%s: %s\n' "${0##*/}" "$*" >&"${report_fd:-2}"
  exit 1
}

# say SENTENCE: progress, on standard error so that output stays usable.
say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# try COMMAND...: runs it; on failure its first words are the sentence.
try() {
  local answer
  answer=$("$@" 2>&1) || die "${answer%%$'\n'*}"
}

# shell_state: this shell's functions and its variables in small letters, for a
# shell in other namespaces.
shell_state() {
  declare -f
  # shellcheck disable=SC2046 # a list of names
  declare -p $(compgen -v | grep '^[a-z]')
}

# ---- places ----

# arm_tahoe_cache: where roots and caches live; everything in it can be rebuilt.
arm_tahoe_cache() {
  realpath -m -- "${ARM_TAHOE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/arm-tahoe}"
}

# need_plain_path PATH: configuration files and mount tables hold the path.
need_plain_path() {
  ! [[ $1 =~ [[:space:]\'\"\\] || $1 = / ]] ||
    die "the path '$1' will not do: it is / or has white space, a quote or a backslash in it."
}

free_mib() { echo $(($(df -Pk -- "$1" | awk 'NR == 2 { print $4 }') / 1024)); }

# need_space DIR MIB: DIR's file system must have MIB mebibytes free.
need_space() {
  local free
  free=$(free_mib "$1")
  [ "$free" -ge "$2" ] ||
    die "$1 has $free MiB free and $2 MiB are needed: free some or set ARM_TAHOE_CACHE to another place."
}

# only_one DIR: keeps other runs from working in DIR until this script and all it
# started are gone; waits for one that is at work.
only_one() {
  exec 9<"$1"
  flock -n 9 || { say "waiting for another run that works in $1" && flock 9; }
}

# ---- rights and programs ----

need_root_rights() {
  [ "$(id -u)" = 0 ] || die "needs root rights, to mount and to change root: run it as root or with sudo."
}

need_mounts() {
  local answer
  answer=$(unshare --mount --pid --fork --mount-proc true 2>&1) ||
    die "no right to mount here ($answer): run it on the machine itself or in a privileged container."
}

need_go() {
  command -v go >/dev/null || die "needs the program go on PATH (sudo may have taken it from there)."
}

# The archive keyring matters where the host is not Debian: without it nothing
# would check the signature of what is installed.
need_debootstrap() {
  command -v debootstrap >/dev/null && [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] && return
  say "installing debootstrap"
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -y \
    --no-install-recommends install debootstrap debian-archive-keyring; } >"$log" 2>&1 </dev/null ||
    die "package debootstrap is missing and apt-get cannot install it: see $log."
}

# ---- one directory in the cache ----

# maker PREPARE BUILD "$@": makes, keeps or removes a directory as the arguments
# say. PREPARE is a function that checks for and installs what BUILD needs; BUILD
# is one that fills $partial. The script sets
#
#   name        the directory's name in the cache
#   about       what the script does, for --help
#   holds       what the directory holds, for messages
#   takes       how long that takes, for messages
#   needed_mib  space that it takes while it is made
#   marker      the file in it that says that this script made it
#   complete    the marker's text once it is whole; another text has it made again
#   operands    (optional) the operands for --help, if not [DIR]
#
# BUILD runs in mount and process namespaces of its own, so the kernel takes
# mounts and processes away with it, however it ends. It works with `set -e` and
# calls `step`; its output goes to DIR.log, which stays if it fails. The directory
# grows in DIR.partial and gets its name when it is whole.
maker() {
  local prepare=$1 build=$2 action=make_dir
  shift 2
  case ${1:-} in
    --help | -h) usage && return ;;
    --remove) action=remove_dir && shift ;;
    -*) misuse "unknown option $1" ;;
  esac
  [ $# -le 1 ] || misuse "too many arguments"
  dir=$(realpath -m -- "${1:-$(arm_tahoe_cache)/$name}")
  parent=$(dirname "$dir") partial=$dir.partial log=$dir.log
  need_plain_path "$dir"
  "$action"
}

usage() {
  cat <<END
usage: ${0##*/} ${operands:-[DIR]}
       ${0##*/} --remove [DIR]
       ${0##*/} --help

$about
It takes $takes, $needed_mib MiB and root rights. DIR is by default
$name in \$ARM_TAHOE_CACHE, or in ~/.cache/arm-tahoe. A whole one is
kept, an unfinished or outdated one is made again.
END
}

misuse() {
  say "$*"
  usage >&2
  exit 2
}

is_complete() { grep -qsxF -- "$complete" "$dir/$marker"; }

# tell WHAT: the answer, on standard output.
tell() { echo "$dir is $*"; }

make_dir() {
  ! is_complete || { tell "complete ($holds)" && return; }
  need_root_rights
  need_mounts
  try mkdir -p "$parent"
  only_one "$parent"
  SECONDS=0
  ! is_complete || { tell "complete ($holds)" && return; }
  remove_tree "$dir"
  remove_tree "$partial"
  need_space "$parent" "$needed_mib"
  "$prepare"
  say "making $dir: this takes $takes (log: $log)"
  build_partial
  echo "$complete" >"$partial/$marker"
  mv -T "$partial" "$dir"
  rm -f "$log"
  tell "complete ($holds, $(du -sm "$dir" | cut -f 1) MiB, $SECONDS s)"
}

remove_dir() {
  [ -e "$dir" ] || [ -e "$partial" ] || [ -e "$log" ] || { tell "not there" && return; }
  need_root_rights
  only_one "$parent"
  remove_tree "$dir"
  remove_tree "$partial"
  rm -f "$log"
  tell "removed"
}

# remove_tree DIR: removes what this script made, whole or not. The marker, empty
# from now on, goes last, so that an interrupted removal can be taken up again.
remove_tree() {
  [ -e "$1" ] || return 0
  [ -f "$1/$marker" ] || [ -z "$(ls -A "$1" 2>&1)" ] ||
    die "$1 is there but was not made by this script: remove it yourself or name another directory."
  need_unused "$1"
  [ ! -f "$1/$marker" ] || : >"$1/$marker"
  { find "$1" -mindepth 1 -maxdepth 1 ! -name "$marker" -exec rm -rf --one-file-system {} + &&
    rm -rf --one-file-system "$1"; } || die "cannot remove $1."
}

# need_unused DIR: no mount here and no process, in whatever namespace, uses DIR.
need_unused() {
  local user
  ! grep -qsF -e " $1 " -e " $1/" /proc/self/mountinfo ||
    die "something is mounted in $1: unmount it first."
  user=$(find /proc/[0-9]*/root -maxdepth 0 -lname "$1" -print -quit 2>/dev/null) || true
  user=${user//[^0-9]/}
  [ -z "$user" ] ||
    die "process $user ($(cat "/proc/$user/comm")) runs in $1: end it first, with kill $user."
}

# build_partial runs the build in the background, because bash acts on signals
# while it waits but not while a program runs in the foreground.
build_partial() {
  local status=0
  trap clean_up EXIT
  trap 'interrupted 129' HUP
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  try mkdir "$partial"
  echo "incomplete" >"$partial/$marker"
  exec 8<"$partial"
  flock 8
  setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    bash -euo pipefail -c "$(shell_state); inside_namespaces" "$0" \
    3>&2 >"$log" 2>&1 &
  builder=$!
  wait "$builder" || status=$?
  builder=
  [ "$status" -le 1 ] || die "the work on $partial was ended from outside (details in $log)."
  [ "$status" = 0 ] || exit 1
}

inside_namespaces() {
  report_fd=3 doing='start'
  trap '[ -z "$doing" ] || die "cannot $doing: $(reason) (details in $log)."' EXIT
  "$build"
  doing=
}

# step WHAT COMMAND...: runs one command of a build; where it fails, `set -e`
# ends the build and one sentence says what could not be done.
step() {
  doing=$1
  shift
  echo "== $SECONDS s: $doing"
  "$@"
}

# reason: why the last step failed, read from what it wrote.
reason() {
  local missing
  missing=$(sed -n '/^E: \(Unable to locate package\|Package\|Couldn.t find these debs:\) \([^ ]*\).*/{s//\2/p;q}' "$log")
  if grep -qi 'no space left' "$log" || [ "$(free_mib "$partial")" -lt 10 ]; then
    echo "there is no space left in $parent"
  elif [ -n "$missing" ]; then
    echo "package $missing is missing from the Debian mirror"
  elif grep -qiE 'noexec|nodev' "$log"; then
    echo "its file system is mounted with noexec or nodev"
  elif grep -qE 'Could not resolve|Could not connect|Unable to connect|Failed to fetch|Failed getting release file|Couldn.t download|Failed to download' "$log"; then
    echo "the Debian mirror cannot be reached"
  else
    grep -v '^[[:space:]]*$' "$log" | tail -n 1 | sed 's/^== .*/a command failed without a word/'
  fi
}

# clean_up ends what runs in the namespaces and waits for the last of it: all of
# it holds the lock on the unfinished directory.
clean_up() {
  trap '' INT TERM HUP
  if [ -n "${builder:-}" ]; then
    kill -KILL "$builder" 2>/dev/null || true
    wait "$builder" 2>/dev/null || true
  fi
  exec 8<&-
  [ ! -e "$partial" ] || flock "$partial" true
  remove_tree "$partial"
}

interrupted() {
  trap - EXIT
  clean_up
  rm -f "$log"
  say "interrupted, nothing is left behind."
  exit "$1"
}

# ---- Debian roots ----

# debian_root: BUILD of a Debian root. The script sets
#
#   suite     Debian's suite
#   packages  an array of lists of packages, installed one list after the other
#
# and defines check_root, which ends with an error, or with die, where the root
# is not what it should be. DEBIAN_MIRROR is a mirror other than the default.
debian_root() {
  local list
  step "install Debian $suite into $partial" base_system
  step "mount /proc, /sys and /dev" root_mounts
  step "copy the proxy settings of apt" proxy_settings
  step "copy the certificates of this machine" host_certificates
  step "read the package lists" root_apt update
  for list in "${packages[@]}"; do
    # shellcheck disable=SC2086 # the list is split on purpose
    step "install ${list%%[[:space:]]*} and what belongs to it" root_apt --no-install-recommends install $list
  done
  step "tidy the root" tidy_root
  step "find $holds in the root" check_root
}

# in_root COMMAND...: runs it in the growing root with a clean environment, but
# with the caller's proxies.
in_root() {
  local proxy kept=()
  for proxy in http_proxy https_proxy no_proxy; do
    [ -z "${!proxy:-}" ] || kept+=("$proxy=${!proxy}")
  done
  chroot "$partial" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "${kept[@]}" "$@"
}

base_system() {
  debootstrap --variant=minbase --include=ca-certificates --force-check-gpg \
    "$suite" "$partial" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
}

root_mounts() {
  mount -t proc proc "$partial/proc"
  mount --rbind /sys "$partial/sys"
  mount --rbind /dev "$partial/dev"
}

# A proxy that the host's apt is configured with is in no environment variable.
proxy_settings() {
  local http_setting='' https_setting=''
  eval "$(apt-config shell http_setting Acquire::http::Proxy https_setting Acquire::https::Proxy)"
  {
    [ -z "$http_setting" ] || echo "Acquire::http::Proxy \"$http_setting\";"
    [ -z "$https_setting" ] || echo "Acquire::https::Proxy \"$https_setting\";"
  } >"$partial/etc/apt/apt.conf.d/01host-proxy"
}

# Programs in the root trust what the machine trusts.
host_certificates() {
  local from=/usr/local/share/ca-certificates
  [ -n "$(find $from -name '*.crt' 2>/dev/null)" ] || return 0
  mkdir -p "$partial$from"
  find $from -name '*.crt' -exec cp -L -t "$partial$from" {} +
  in_root update-ca-certificates
}

# sid's Release file may be past its date where a mirror stands still.
root_apt() {
  in_root apt-get -y -o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false \
    -o Dpkg::Options::=--force-unsafe-io "$@"
}

tidy_root() {
  root_apt clean
  rm -rf "$partial"/var/lib/apt/lists/*
  grep -qsw localhost "$partial/etc/hosts" || echo '127.0.0.1 localhost' >>"$partial/etc/hosts"
}

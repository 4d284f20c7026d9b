#!/bin/sh
# Makes sure that strace is there and may trace, installing Debian's package where it is absent and may be. Says on its
# last line why it could not, and then ends with 1.
fail() {
  echo "$1"
  exit 1
}

[ "$(uname -s)" = Linux ] || fail "strace needs Linux"
if ! command -v strace >/dev/null 2>&1; then
  command -v apt-get >/dev/null 2>&1 || fail "strace is not installed, and there is no apt-get"
  run=""
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "strace is not installed, and only root may install it"
    run="sudo -n"
  fi
  install="$run env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends strace"
  $install </dev/null >/dev/null 2>&1 ||
    { $run apt-get update </dev/null >/dev/null 2>&1 && $install </dev/null >/dev/null 2>&1; } ||
    fail "apt-get could not install strace"
fi
strace -f -o /dev/null true 2>/dev/null || fail "strace is installed, but may not trace here (is ptrace refused?)"

#!/bin/sh
# Builds a writer of test files from Go and bbolt as Debian has them, installing both where they are absent and may be.
# Usage: install.sh <where the program goes> [<folder of its source>]. Says on its last line why it could not, and then
# ends with 1.
here=$(cd "$(dirname "$0")" && pwd)
bbolt=/usr/share/gocode/src/go.etcd.io/bbolt

fail() {
  echo "$1"
  exit 1
}

if ! command -v go >/dev/null 2>&1 || ! [ -d "$bbolt" ]; then
  command -v apt-get >/dev/null 2>&1 || fail "Go or bbolt is not installed, and there is no apt-get"
  run=""
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || fail "Go or bbolt is not installed, and only root may install them"
    run="sudo -n"
  fi
  install="$run env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends golang-go golang-github-coreos-bbolt-dev"
  $install </dev/null >/dev/null 2>&1 ||
    { $run apt-get update </dev/null >/dev/null 2>&1 && $install </dev/null >/dev/null 2>&1; } ||
    fail "apt-get could not install golang-go and golang-github-coreos-bbolt-dev"
fi
GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE="${GOCACHE:-${TMPDIR:-/tmp}/meshgate-go-cache-$(id -u)}" go build -o "$1" "${2:-$here}"/*.go ||
  fail "the program that writes the files did not build"

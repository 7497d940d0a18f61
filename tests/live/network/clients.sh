#!/bin/bash
# Has clients of the web do what they are for, all at once and as they are. Prints a line for each: what came of it.
#
#   clients.sh DOMAIN SECONDS [hosts]     each asks a host of its own in the domain; the stream of events takes so long
set -u
domain=$1 seconds=$2
all=$(mktemp -d)
bundle=/etc/ssl/certs/ca-certificates.crt
# neither Node nor pip nor cargo uses the system's certificates
export NODE_EXTRA_CA_CERTS=$bundle PIP_CERT=$bundle REQUESTS_CA_BUNDLE=$bundle CARGO_HTTP_CAINFO=$bundle
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com

curl_1() { curl -sSf --http1.1 "https://$1/hello" | grep -x hello; }
curl_2() { curl -sSf --http2 -w '%{http_version}\n' "https://$1/hello" | grep -x 2; }
plain() { curl -sSf "http://$1/hello" | grep -x hello; }
git_() {
    git clone -q "https://$1/git/tiny.git" clone && cd clone && git switch -q -C main &&
        head -c 3000000 /dev/urandom > big && git add big && git commit -qm big && git push -q origin main &&
        git clone -q "https://$1/git/tiny.git" again && cmp big again/big
}
apt_() {
    local apt=(-o APT::Update::Error-Mode=any -o APT::Sandbox::User=root -o Dir::Etc::SourceParts=- -o Acquire::Retries=0
        -o "Dir::Etc::SourceList=$here/apt.list" -o "Dir::State::Lists=$here/lists" -o "Dir::Cache=$here/cache")
    mkdir -p lists/partial cache/archives/partial
    echo "deb [trusted=yes] http://$1/apt ./" > apt.list
    apt-get "${apt[@]}" -q update && apt-get "${apt[@]}" -q download tiny && dpkg-deb --contents tiny_1_all.deb | grep tiny
}
pip_() {
    pip install -q --retries 0 --no-cache-dir --disable-pip-version-check --root-user-action ignore \
        --index-url "https://$1/pip/simple/" --target pip tiny && PYTHONPATH=pip python3 -c 'import tiny; print(tiny.said)'
}
npm_() {
    npm install --registry "https://$1/npm/" --fetch-retries 0 --cache "$here/npm-cache" --prefix "$here/npm" --no-audit \
        --no-fund --no-update-notifier tiny && grep tiny npm/node_modules/tiny/package.json
}
cargo_() {
    mkdir -p crate/src && touch crate/src/lib.rs
    printf '[package]\nname = "x"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\ntiny = "1"\n' > crate/Cargo.toml
    export CARGO_HOME=$here/cargo CARGO_NET_RETRY=0
    mkdir -p cargo
    printf '[source.crates-io]\nreplace-with = "here"\n[source.here]\nregistry = "sparse+https://%s/cargo/"\n' "$1" > cargo/config.toml
    cd crate && /workspace/cargo vendor -q --respect-source-config && grep tiny vendor/tiny/src/lib.rs
}
docker_() {
    mkdir -p "/etc/docker/certs.d/$1" && cp /workspace/ca.pem "/etc/docker/certs.d/$1/ca.crt"
    until docker info; do sleep 0.2; done
    docker pull "$1/tiny:1"
}
node_() { node -e 'fetch(process.argv[1]).then(answer => answer.text()).then(console.log)' "https://$1/hello" | grep -x hello; }
# pip has a copy of requests
requests() {
    python3 -c 'import sys; from pip._vendor import requests; print(requests.get(sys.argv[1], verify=sys.argv[2]).text)' \
        "https://$1/hello" "$bundle" | grep -x hello
}
urllib() {
    python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())' "https://$1/hello" |
        grep -x hello
}
# a program in Go
gh_() { GH_HOST=$1 GH_ENTERPRISE_TOKEN=x GH_CONFIG_DIR=$here/gh gh api user | grep tiny; }
claude_() {
    ANTHROPIC_BASE_URL=https://$1 ANTHROPIC_API_KEY=$API_KEY CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 HOME=$here \
        claude -p 'hello there' < /dev/null | grep 'echo <hello there>'
}
websocket() {
    node -e 'const socket = new WebSocket(process.argv[1])
        let sent = 0
        socket.onerror = error => { console.log(error); process.exit(1) }
        socket.onopen = () => socket.send("0")
        socket.onmessage = ({ data }) => {
            if (data !== String(sent)) process.exit(1)
            if (++sent < 20) setTimeout(() => socket.send(String(sent)), 50)
            else { socket.onclose = () => process.exit(0); socket.close() }
        }' "wss://$1/socket"
}
events() { curl -sSfN "https://$1/events?$seconds" | grep -c '^data: ' | grep -x $((seconds + 1)); }
# messages both ways, and the status behind them
grpc() {
    NODE_PATH=/workspace/grpc/node_modules node -e 'const grpc = require("@grpc/grpc-js")
        const credentials = grpc.credentials.createSsl(require("fs").readFileSync(process.env.bundle))
        const as_is = bytes => bytes
        const call = new grpc.Client(process.argv[1] + ":443", credentials).makeBidiStreamRequest("/tiny.Tiny/Say", as_is, as_is)
        const said = []
        call.on("data", message => said.push(String(message)))
        call.on("error", error => { console.log(error); process.exit(1) })
        call.on("status", ({ code }) => process.exit(code === 0 && said.join() === "tiny,more" ? 0 : 1))
        call.write(Buffer.from("tiny"))
        setTimeout(() => { call.write(Buffer.from("more")); call.end() }, 200)' "$1"
}

clients='curl_1 curl_2 plain git_ apt_ pip_ npm_ cargo_ docker_ node_ requests urllib gh_ claude_ websocket events grpc'
for client in $clients; do
    case $client in
        curl_2 | grpc) host=h2-${client/_/-}.$domain ;;
        *) host=${client/_/-}.$domain host=${host/-./.} ;;
    esac
    if [ "${3:-}" = hosts ]; then
        echo "$host"
        continue
    fi
    limit=${LIMIT:-60}
    [ "$client" != events ] || limit=$((limit + seconds))
    (
        mkdir "$all/$client" && cd "$all/$client" || exit
        export -f "${client?}"
        export seconds bundle
        if timeout "$limit" bash -c "here=\$PWD; $client $host" > said 2>&1; then
            echo "$client: done"
        else
            echo "$client: failed"
            sed "s/^/$client| /" said >> /workspace/failures
        fi
    ) &
done
wait
rm -rf "$all"

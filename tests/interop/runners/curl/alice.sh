#!/bin/sh
# Needs curl and jq.
set -eu
cloakroom serve --test --json --listen 127.0.0.1:0 --exit-with-parent --rust-log warn > server.json &
server=$!
trap 'kill $server' EXIT
until test -s server.json; do kill -0 $server; sleep 0.05; done
url=$(jq -r .url server.json)

token() { curl -sf "$url/test/token" -H 'content-type: application/json' -d "$1" | jq -r .token; }
status() { curl -s -o /dev/null -w '%{http_code}' -X "$1" "$url$2" -H "authorization: Bearer $3"; }

alice=$(token '{"as": "alice"}')
bob=$(jq -r '.seeds.users[] | select(.email == "bob@example.com") | .id' server.json)
test "$(status DELETE "/users/$bob" "$alice")" = 403
test "$(status GET /users/me "$(token '{"as": "alice", "situation": "expired"}')")" = 401
echo passed

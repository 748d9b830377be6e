#!/usr/bin/env bash
# Verifies a receipt with OpenSSL 3 and the tools of any Linux:
#
#     bash verify_receipt.sh RECEIPT ANSWERS JWKS
#
# Three files: the receipt, the answers as canonical JSON (RFC 8785; verify_receipt.mjs and verify_receipt.py make it
# of any JSON), and what GET /.well-known/jwks.json said. The exit code is 0 if the receipt is genuine and for these
# answers.
set -euo pipefail
receipt=$(<"$1") answers=$2 jwks=$(<"$3")
files=$(mktemp -d)
trap 'rm -r "$files"' EXIT

decoded() { # base64url on stdin
  tr -d '\n' | tr -- '-_' '+/' | awk '{ while (length($0) % 4) $0 = $0 "="; print }' | base64 -d
}
member() { # a string member of flat JSON on stdin
  grep -o "\"$1\" *: *\"[^\"]*\"" | cut -d '"' -f 4
}

IFS=. read -r head body signature <<<"$receipt"
[ "$(decoded <<<"$head" | member alg)/$(decoded <<<"$head" | member typ)" = EdDSA/receipt+jws ]
kid=$(decoded <<<"$head" | member kid)
x=$(grep -o '{[^{}]*}' <<<"$jwks" | grep -F "\"$kid\"" | member x)

# A public key of Ed25519 in DER is these twelve bytes and the key (RFC 8410).
{ printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'; decoded <<<"$x"; } > "$files/key.der"
decoded <<<"$signature" > "$files/signature"
printf %s "$head.$body" > "$files/signed"
openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$files/key.der" -sigfile "$files/signature" -in "$files/signed"

printf '%s  %s\n' "$(decoded <<<"$body" | member answers_sha256)" "$answers" | sha256sum --check
decoded <<<"$body" && echo

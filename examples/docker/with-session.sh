#!/bin/sh
# Runs a command with a session of an account in its environment:
#
#	./with-session.sh dev docker compose up
#
# The session goes from the keychain into the environment of that command. It is in no file and in no argument.
set -eu
if [ $# -lt 2 ]; then
	echo "usage: $0 ACCOUNT COMMAND..." >&2
	exit 2
fi
document=$(aws-accounts process "$1")
shift

# `process` writes one line of JSON, whose values need no unescaping.
field() { printf '%s\n' "$document" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
AWS_ACCESS_KEY_ID=$(field AccessKeyId)
AWS_SECRET_ACCESS_KEY=$(field SecretAccessKey)
AWS_SESSION_TOKEN=$(field SessionToken)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
unset AWS_PROFILE document
exec "$@"

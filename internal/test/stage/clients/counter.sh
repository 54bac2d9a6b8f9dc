#!/bin/sh
# Stands where setup found the program: notes each start, then becomes the program.
echo >>"$0.starts"
exec "$0.real" "$@"

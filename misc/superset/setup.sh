#!/bin/sh
# Superset runs this on the host in each new worktree: what git does not keep is taken from the main one.
set -eu
main=$(dirname "$(git rev-parse --path-format=absolute --git-common-dir)")
if [ -f "$main/.env" ] && ! [ -e .env ] && ! [ -L .env ]; then
  cp -p -- "$main/.env" .env
  echo "copied $main/.env"
fi
echo "dependencies are installed in the container: cci run -- npm ci, or an image of your own (cci build custom)"

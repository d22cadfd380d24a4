#!/usr/bin/env bash
# Builds the packages and archives of one version for Linux into a folder: a deb, an rpm, a tar.gz, and an
# SBOM for each architecture, and their checksums. Two builds of one commit are equal.
# Usage: build.sh VERSION FOLDER [ARCHITECTURE...]
set -euo pipefail
cd "$(dirname "$0")/../../.."
version=${1#v} out=$2
shift 2
[ $# -gt 0 ] || set -- amd64 arm64

export CGO_ENABLED=0 GOFLAGS=-trimpath TZ=UTC
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH VERSION=$version
date=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)

rm -rf "$out"
mkdir -p "$out"
build=bin/package # nfpm.yaml names it
rm -rf "$build"
mkdir -p "$build"
tools=$PWD/$build/tools
mkdir "$tools"
(cd cmd/skipup/package && go build -o "$tools/nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm &&
  go build -o "$tools/cyclonedx-gomod" github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod)

# What is the same on all architectures comes from a binary for this machine.
go build -o "$tools/skipup" ./cmd/skipup
"$tools/skipup" man "$build/man"
gzip -9n "$build"/man/*
mkdir "$build/completions"
"$tools/skipup" completion bash > "$build/completions/skipup.bash"
"$tools/skipup" completion zsh > "$build/completions/_skipup"
"$tools/skipup" completion fish > "$build/completions/skipup.fish"
gzip -9nc CHANGELOG.md > "$build/changelog.gz"

for arch; do
  GOOS=linux GOARCH=$arch go build -ldflags "-s -w -X main.version=v$version" -o "$build/skipup" ./cmd/skipup
  export ARCH=$arch
  for packager in deb rpm; do
    "$tools/nfpm" package --config cmd/skipup/package/nfpm.yaml --packager $packager --target "$out"
  done

  name=skipup_${version}_linux_$arch
  mkdir "$build/$name"
  cp -r "$build"/{skipup,man,completions} LICENSE README.md CHANGELOG.md "$build/$name"
  tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="$date" --mode=u=rwX,go=rX --directory "$build" "$name" |
    gzip -9n > "$out/$name.tar.gz"
  # The list of the modules in the binary. Its own time and ID would differ in every build.
  "$tools/cyclonedx-gomod" bin -json -noserial -output "$build/sbom.json" "$build/skipup" 2>/dev/null
  node -e 'const fs = require("fs"), sbom = JSON.parse(fs.readFileSync(process.argv[1])); sbom.metadata.timestamp = process.argv[2]; console.log(JSON.stringify(sbom, null, 2))' \
    "$build/sbom.json" "$date" > "$out/$name.cdx.json"
done
(cd "$out" && sha256sum -- * > SHA256SUMS)

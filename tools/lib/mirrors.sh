# shellcheck shell=bash
# Where Debian's packages come from, by this machine's own apt sources. Source it.
#
#   export_proxy                  has wget, and so debootstrap, take the proxy that apt takes
#   candidate_mirrors             URIs of Debian's main archive, one a line, those in use first

readonly PUBLIC_MIRROR=http://deb.debian.org/debian

# The archives this machine itself takes Debian's main component from, one URI a line: deb822 and one-line formats.
configured_mirrors() {
  local -a files=()
  local file
  for file in /etc/apt/sources.list.d/*.sources; do [[ ! -r "$file" ]] || files+=("$file"); done
  if ((${#files[@]} > 0)); then
    # A stanza ends at an empty line or at the end of its file; a line that begins with a space continues a field.
    awk '
      function flush(   n, i, uris) {
        if (tolower(field["enabled"]) !~ /^ *no *$/ && (" " field["types"] " ") ~ / deb / &&
            (" " field["components"] " ") ~ / main / && field["suites"] !~ /-security|\/$/) {
          n = split(field["uris"], uris, /[ \t]+/)
          for (i = 1; i <= n; i++) if (uris[i] != "") print uris[i]
        }
        delete field; key = ""
      }
      FNR == 1 { flush() }
      /^#/ { next }
      /^[ \t]*$/ { flush(); next }
      /^[ \t]/ { field[key] = field[key] " " $0; next }
      { i = index($0, ":"); key = tolower(substr($0, 1, i - 1)); field[key] = substr($0, i + 1)
        gsub(/[ \t]+/, " ", field[key]) }
      END { flush() }' "${files[@]}"
  fi
  files=()
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do [[ ! -r "$file" ]] || files+=("$file"); done
  if ((${#files[@]} > 0)); then
    awk '
      $1 == "deb" {
        sub(/^[ \t]*deb[ \t]+/, ""); sub(/^\[[^]]*\][ \t]*/, "")
        if ($2 !~ /-security|\/$/ && (" " $0 " ") ~ / main /) print $1
      }' "${files[@]}"
  fi
}

# Those of them that can be Debian's main archive (not a third party's, not a CD), then the public default.
candidate_mirrors() {
  {
    configured_mirrors | grep -E '^[a-z+]+:/.*debian(/[0-9TZ]+)?/*$|^mirror' || true
    printf '%s\n' "$PUBLIC_MIRROR"
  } | sed 's,/*$,,' | awk '!seen[$0]++'
}

# debootstrap fetches by wget, which knows nothing of apt's settings.
export_proxy() {
  local scheme value
  for scheme in http https; do
    value="$(apt-config shell value "Acquire::$scheme::Proxy" | sed "s/^value='\(.*\)'$/\1/")"
    if [[ -n "$value" && "$value" != DIRECT && -z "$(printenv "${scheme}_proxy" || true)" ]]; then
      export "${scheme}_proxy=$value"
    fi
  done
}

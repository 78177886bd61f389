#include <algorithm>

#include "thalamus/base/text.h"
#include "thalamus/net/http.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {
namespace {

Result<std::uint16_t> parse_port(std::string_view text, std::string_view whole) {
  const auto port = base::parse_number<std::uint32_t>(text);
  if (!port || *port > 65'535)
    return fail(ErrorKind::kInvalidInput, "'{}': the port '{}' is not a number from 0 to 65535", whole, text);
  return static_cast<std::uint16_t>(*port);
}

Status check_base_path(std::string_view path, std::string_view url) {
  const bool plain = std::none_of(path.begin(), path.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '\x7f' || c == '?' || c == '#';
  });
  if (!plain)
    return fail(ErrorKind::kInvalidInput,
                "base URL '{}': the path may hold no query, fragment, space or control character", url);
  return {};
}

std::string without_trailing_slashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

Result<Endpoint> parse_unix(std::string_view url, std::string_view rest) {
  Endpoint endpoint;
  endpoint.unix_socket = true;
  const auto colon = rest.find(':');
  endpoint.host = std::string(rest.substr(0, colon));
  if (!endpoint.host.starts_with('/') || endpoint.host.size() < 2)
    return fail(ErrorKind::kInvalidInput, "base URL '{}': expected unix:/absolute/path/of/socket[:/base]", url);
  // sockaddr_un holds 108 bytes with the final NUL.
  if (endpoint.host.size() > 107)
    return fail(ErrorKind::kInvalidInput, "base URL '{}': a socket path has at most 107 bytes, this one has {}", url,
                endpoint.host.size());
  if (colon == std::string_view::npos) return endpoint;
  const auto path = rest.substr(colon + 1);
  if (!path.empty() && !path.starts_with('/'))
    return fail(ErrorKind::kInvalidInput, "base URL '{}': the base path '{}' must begin with '/'", url, path);
  CHECK_OK(check_base_path(path, url));
  endpoint.base_path = without_trailing_slashes(path);
  return endpoint;
}

/// "host", "host:port", "[v6]", "[v6]:port"; the port stays as it was where none is given.
Status parse_authority(std::string_view authority, std::string_view whole, std::string& host, std::uint16_t& port) {
  std::string_view port_text;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == std::string_view::npos)
      return fail(ErrorKind::kInvalidInput, "'{}': '[' of the IPv6 address has no ']'", whole);
    host = std::string(authority.substr(1, close - 1));
    const auto after = authority.substr(close + 1);
    if (!after.empty() && !after.starts_with(':'))
      return fail(ErrorKind::kInvalidInput, "'{}': expected ':port' after ']', got '{}'", whole, after);
    has_port = !after.empty();
    if (has_port) port_text = after.substr(1);
    const bool numeric = !host.empty() && host.find_first_not_of("0123456789abcdefABCDEF:.%") == std::string::npos;
    if (!numeric || host.find(':') == std::string::npos)
      return fail(ErrorKind::kInvalidInput, "'{}': '{}' is not an IPv6 address", whole, host);
  } else {
    const auto colon = authority.find(':');
    host = std::string(authority.substr(0, colon));
    has_port = colon != std::string_view::npos;
    if (has_port) port_text = authority.substr(colon + 1);
    if (port_text.find(':') != std::string_view::npos)
      return fail(ErrorKind::kInvalidInput, "'{}': write an IPv6 address in brackets: [::1]:8080", whole);
    for (const char c : host)
      if (!is_token(std::string_view(&c, 1)))
        return fail(ErrorKind::kInvalidInput, "'{}': '{}' is not a host name", whole, host);
  }
  if (!has_port) return {};
  TRY(port, parse_port(port_text, whole));
  return {};
}

}  // namespace

Result<Endpoint> parse_base_url(std::string_view url) {
  if (url.starts_with("unix:")) return parse_unix(url, url.substr(5));
  Endpoint endpoint;
  std::string_view rest = url;
  if (equal_ignoring_case(url.substr(0, 8), "https://")) {
    endpoint.tls = true;
    endpoint.port = 443;
    rest.remove_prefix(8);
  } else if (equal_ignoring_case(url.substr(0, 7), "http://")) {
    endpoint.port = 80;
    rest.remove_prefix(7);
  } else {
    return fail(ErrorKind::kInvalidInput,
                "base URL '{}': expected http://host[:port][/path], https://host[:port][/path] or "
                "unix:/path[:/base]",
                url);
  }
  const auto slash = rest.find_first_of("/?#");
  const auto authority = rest.substr(0, slash);
  const auto path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  // The credential must not be repeated in the message.
  if (authority.find('@') != std::string_view::npos)
    return fail(ErrorKind::kInvalidInput,
                "a base URL may not hold a user name or password; give the credential as the provider's `key`");
  CHECK_OK(parse_authority(authority, url, endpoint.host, endpoint.port));
  if (endpoint.host.empty()) return fail(ErrorKind::kInvalidInput, "base URL '{}': the host is missing", url);
  if (endpoint.port == 0) return fail(ErrorKind::kInvalidInput, "base URL '{}': port 0 cannot be called", url);
  CHECK_OK(check_base_path(path, url));
  endpoint.base_path = without_trailing_slashes(path);
  return endpoint;
}

Result<std::pair<std::string, std::uint16_t>> parse_address(std::string_view text) {
  std::pair<std::string, std::uint16_t> address;
  if (text.find(':') == std::string_view::npos)
    return fail(ErrorKind::kInvalidInput, "address '{}': expected address:port, for example 127.0.0.1:8080", text);
  const auto last = text.back();
  if (last == ':' || last == ']')
    return fail(ErrorKind::kInvalidInput, "address '{}': the port is missing, for example 127.0.0.1:8080", text);
  CHECK_OK(parse_authority(text, text, address.first, address.second));
  if (address.first.empty()) address.first = "0.0.0.0";
  return address;
}

}  // namespace thalamus::net

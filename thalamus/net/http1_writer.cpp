#include "thalamus/net/http1_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace thalamus::net {
namespace {

// Sizes differ, so most names are passed over by their first comparison.
constexpr std::array<std::string_view, 4> kFraming{"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"};

bool frames(std::string_view name, std::string_view also) noexcept {
  return std::any_of(kFraming.begin(), kFraming.end(),
                     [&](std::string_view own) { return equal_ignoring_case(own, name); }) ||
         equal_ignoring_case(also, name);
}

}  // namespace

Status append_fields(std::string& out, const Headers& headers, std::string_view also_skipped) {
  Status status;
  headers.for_each([&](std::string_view name, std::string_view value) {
    if (!status || frames(name, also_skipped)) return;
    if (!is_token(name)) {
      status = fail(ErrorKind::kInvalidInput, "a header field's name of {} bytes is not a token", name.size());
    } else if (!is_field_value(value)) {
      status =
          fail(ErrorKind::kInvalidInput, "the header field {} holds a line end or another control character", name);
    } else {
      out.append(name).append(": ").append(value).append("\r\n");
    }
  });
  return status;
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_chunk_head(std::string& out, std::size_t size) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  out.append(digits.data(), end).append("\r\n");
}

void append_status_line(std::string& out, int status) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n");
}

std::string host_field(const Endpoint& endpoint) {
  if (endpoint.unix_socket) return "localhost";
  std::string host = endpoint.host.find(':') == std::string::npos ? endpoint.host : "[" + endpoint.host + "]";
  const std::uint16_t usual = endpoint.tls ? 443 : 80;
  if (endpoint.port != usual) {
    host += ':';
    append_number(host, endpoint.port);
  }
  return host;
}

Status append_request_line(std::string& out, std::string_view method, std::string_view base_path,
                           std::string_view path) {
  if (!is_token(method)) return fail(ErrorKind::kInvalidInput, "the HTTP method '{}' is not a token", method);
  const auto visible = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; });
  };
  if (!visible(base_path) || !visible(path))
    return fail(ErrorKind::kInvalidInput, "the request path holds a space or a control character; percent-encode it");
  const bool rooted = base_path.starts_with('/') || (base_path.empty() && (path.empty() || path.starts_with('/')));
  if (!rooted) return fail(ErrorKind::kInvalidInput, "the request path '{}' must begin with '/'", path);
  if (!base_path.empty() && !path.empty() && path.front() != '/' && path.front() != '?')
    return fail(ErrorKind::kInvalidInput, "the request path '{}' must begin with '/'", path);
  out.append(method).append(" ").append(base_path).append(path);
  if (base_path.empty() && path.empty()) out.append("/");
  out.append(" HTTP/1.1\r\n");
  return {};
}

std::string http_date(std::int64_t unix_seconds) {
  constexpr std::array<std::string_view, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_seconds instant{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(instant - day);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

}  // namespace thalamus::net

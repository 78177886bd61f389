#include "thalamus/gateway/running_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "thalamus/base/clock.h"
#include "thalamus/base/text.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"
#include "thalamus/net/http_client.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kDescriptionMax = 16U << 20;
constexpr Nanoseconds kPatience = Nanoseconds::from_ms(1'000);

/// "providers: local: {...}": each line with the section it stands in; a section's own line says nothing.
std::vector<std::string> sectioned(std::string_view text) {
  std::vector<std::string> out;
  std::string section;
  for (const std::string_view line : base::split(text, '\n')) {
    if (line.empty()) continue;
    if (line.front() != ' ') {
      const bool opens = line.back() == ':';
      section = opens ? std::string(line) + " " : std::string();
      if (!opens) out.emplace_back(line);
      continue;
    }
    std::string_view entry = base::trim(line);
    if (entry.starts_with("- ")) entry.remove_prefix(2);
    out.push_back(section + std::string(entry));
  }
  return out;
}

/// What `from` has and `other` lacks; a line given twice counts twice.
void append_missing(const std::vector<std::string>& from, std::vector<std::string> other, std::string_view mark,
                    std::vector<std::string>& out) {
  for (const std::string& line : from) {
    const auto found = std::find(other.begin(), other.end(), line);
    if (found == other.end()) {
      out.push_back(fmt::format("{} {}", mark, line));
    } else {
      *found = std::string();  // matched once; no line is empty
    }
  }
}

net::Awaitable<Result<std::string>> fetch(net::HttpClient& client, const net::Endpoint& endpoint, Nanoseconds now) {
  net::HttpCall call;
  call.method = "GET";
  call.path = "/admin/config";
  net::CallLimits limits;
  limits.deadline = now + kPatience;
  auto exchange = co_await client.send(endpoint, call, limits, nullptr);
  if (!exchange) co_return std::unexpected(std::move(exchange).error());
  auto body = co_await (*exchange)->read_all(kDescriptionMax);
  if (!body) co_return std::unexpected(std::move(body).error());
  const auto type = (*exchange)->headers().get("content-type");
  if ((*exchange)->status() != 200 || !type || !type->starts_with("text/plain"))
    co_return fail(ErrorKind::kUpstream, "it answered {} to GET /admin/config; is it another program, or older?",
                   (*exchange)->status());
  co_return std::move(*body);
}

}  // namespace

std::vector<std::string> difference(std::string_view running, std::string_view wanted) {
  const auto before = sectioned(running);
  const auto after = sectioned(wanted);
  std::vector<std::string> out;
  append_missing(before, after, "-", out);
  append_missing(after, before, "+", out);
  return out;
}

RunningDifference compare_with_running(const Config& config) {
  RunningDifference out;
  if (config.admin.port == 0) return out;
  const base::SystemClock clock;
  boost::asio::io_context context(1);
  net::TcpConnector connector(context);
  net::HttpClient client(connector, clock);
  net::Endpoint endpoint;
  const bool any = config.admin.host.empty() || config.admin.host == "0.0.0.0" || config.admin.host == "::";
  endpoint.host = any ? "127.0.0.1" : config.admin.host;
  endpoint.port = config.admin.port;
  auto fetched = boost::asio::co_spawn(context, fetch(client, endpoint, clock.now()), boost::asio::use_future);
  context.run_for(std::chrono::nanoseconds(kPatience.value + kPatience.value));
  if (fetched.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    out.note = "the admin listener does not answer in time";
    return out;
  }
  auto text = fetched.get();
  if (!text) {
    out.running = text.error().kind != ErrorKind::kUnavailable;
    if (out.running) out.note = text.error().message;
    return out;
  }
  out.running = true;
  out.lines = difference(*text, describe(config));
  return out;
}

}  // namespace thalamus::gateway

#include "clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "thalamus/base/text.h"

namespace thalamus::scenario {
namespace {

constexpr Nanoseconds kSampleEvery = Nanoseconds::from_ms(25);   // real
constexpr Nanoseconds kSettle = Nanoseconds::from_ms(5'000);     // real
constexpr Nanoseconds kPatience = Nanoseconds::from_ms(60'000);  // real: no client waits longer, and that is a problem
constexpr std::size_t kSaidBytesMax = 400;
constexpr std::size_t kAnswerBytesMax = 4U << 20;

net::Endpoint endpoint_at(std::uint16_t port) {
  net::Endpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port;
  return endpoint;
}

/// Every attempt number in the content, where they agree.
std::optional<std::uint64_t> attempt_in(std::string_view body, bool& mixed) {
  constexpr std::string_view kMark = "\"content\":\"a";
  std::optional<std::uint64_t> found;
  for (std::size_t at = body.find(kMark); at != std::string_view::npos; at = body.find(kMark, at + 1)) {
    std::uint64_t number = 0;
    const char* begin = body.data() + at + kMark.size();
    if (std::from_chars(begin, body.data() + body.size(), number).ec != std::errc()) continue;
    mixed = mixed || (found && *found != number);
    found = number;
  }
  return found;
}

bool is_error(std::string_view body) {
  return body.find("\"error\":{") != std::string_view::npos && body.find("\"message\":\"") != std::string_view::npos &&
         body.find("\"type\":") != std::string_view::npos;
}

Sample parse_metrics(std::string_view text) {
  Sample sample;
  for (const auto line : base::split(text, '\n')) {
    const auto space = line.rfind(' ');
    if (line.empty() || line.front() == '#' || space == std::string_view::npos) continue;
    if (const auto value = base::parse_number<double>(line.substr(space + 1)))
      sample.values.emplace(line.substr(0, space), *value);
  }
  return sample;
}

}  // namespace

double sum_of(const Sample& sample, std::string_view family, std::string_view label) {
  double sum = 0;
  for (auto at = sample.values.lower_bound(family); at != sample.values.end() && at->first.starts_with(family); ++at) {
    const bool same = at->first.size() == family.size() || at->first[family.size()] == '{';
    if (same && at->first.find(label) != std::string::npos) sum += at->second;
  }
  return sum;
}

/// A client that goes away closes its connection, whatever has come by then.
struct Clients::Leaving {
  explicit Leaving(asio::io_context& context) : timer(context) {}
  net::Cancellation gone;
  asio::steady_timer timer;
};

Clients::Clients(const sim::FaultCase& fault_case, Timeline& timeline, Addresses addresses)
    : case_(fault_case),
      timeline_(timeline),
      serving_(endpoint_at(addresses.serving)),
      admin_(endpoint_at(addresses.admin)) {}

void Clients::run(std::uint64_t seed) {
  asio::co_spawn(context_, send_all(seed), asio::detached);
  asio::co_spawn(context_, watch(), asio::detached);
  context_.run();
}

net::Awaitable<void> Clients::sleep_until(Nanoseconds at) {
  asio::steady_timer timer(context_);
  timer.expires_after(timeline_.until(at));
  auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  static_cast<void>(error);
  timeline_.happened(at);
}

net::Awaitable<void> Clients::send_all(std::uint64_t seed) {
  sim::FaultArrivals arrivals(case_.requests, seed);
  while (auto arrival = arrivals.next()) {
    co_await sleep_until(arrival->at);
    const std::size_t index = requests_.size();
    SeenRequest seen;
    seen.request.arrived = timeline_.now();
    seen.request.session = arrival->session;
    requests_.push_back(std::move(seen));
    ++open_;
    asio::co_spawn(context_, ask(index, *std::move(arrival)), asio::detached);
  }
  all_sent_ = true;
}

net::Awaitable<void> Clients::ask(std::size_t index, sim::FaultArrival arrival) {
  const bool stream = case_.requests.shape == dispatch::AnswerShape::kStream;
  std::string prompt = fmt::format("request {}", index);
  if (const auto bytes = static_cast<std::size_t>(case_.requests.prompt_bytes); prompt.size() < bytes) {
    prompt += ' ';
    prompt.resize(bytes, 'x');
  }
  const std::string body =
      fmt::format(R"({{"model":"plan","stream":{},"messages":[{{"role":"user","content":"{}"}}]}})", stream, prompt);
  net::HttpCall call;
  call.path = "/v1/chat/completions";
  call.body = body;
  call.headers.add("content-type", "application/json");
  if (arrival.session) call.headers.add("x-thalamus-session", fmt::format("session-{}", *arrival.session));
  if (case_.requests.deadline)
    call.headers.add("x-thalamus-deadline-ms", fmt::format("{}", timeline_.real_span(*case_.requests.deadline).ms()));
  const auto leaving = std::make_shared<Leaving>(context_);
  if (arrival.leaves_after) {
    leaving->timer.expires_after(timeline_.until(requests_[index].request.arrived + *arrival.leaves_after));
    leaving->timer.async_wait([leaving](const boost::system::error_code& error) {
      if (!error) leaving->gone.cancel();
    });
  }
  net::CallLimits limits;
  limits.first_byte_timeout = kPatience;
  limits.idle_timeout = kPatience;
  auto exchange = co_await client_.send(serving_, call, limits, &leaving->gone);
  Status received;
  if (exchange) {
    received = co_await receive(index, **exchange);
  } else {
    received = std::unexpected(std::move(exchange).error());
  }
  leaving->timer.cancel();
  SeenRequest& seen = requests_[index];
  seen.request.total = timeline_.now() - seen.request.arrived;
  if (!received && leaving->gone.cancelled()) {
    seen.request.end = sim::FaultEnd::kClientGone;
    seen.request.failure = ErrorKind::kCancelled;
    seen.problem.clear();
  } else if (!received && seen.problem.empty()) {
    seen.problem = "no end: " + received.error().text();
  }
  --open_;
}

net::Awaitable<Status> Clients::receive(std::size_t index, net::Exchange& exchange) {
  {
    SeenRequest& seen = requests_[index];
    const auto decision = exchange.headers().get("x-thalamus-decision");
    const auto target = exchange.headers().get("x-thalamus-target");
    seen.decision = decision.value_or("");
    seen.target = target.value_or("");
  }
  std::string body;
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) {
      bool mixed = false;
      requests_[index].attempt = attempt_in(body, mixed);
      requests_[index].request.end = sim::FaultEnd::kBroken;
      co_return std::unexpected(std::move(piece).error());
    }
    if (piece->empty()) break;
    SeenRequest& seen = requests_[index];
    if (!seen.request.first && exchange.status() == 200) seen.request.first = timeline_.now() - seen.request.arrived;
    if (body.size() < kAnswerBytesMax) body += *piece;
  }
  SeenRequest& seen = requests_[index];
  if (exchange.status() != 200) {
    seen.request.end = sim::FaultEnd::kFailed;
    seen.request.failure = ErrorKind::kUpstream;
    seen.said = body.substr(0, kSaidBytesMax);
    if (!is_error(body)) seen.problem = fmt::format("status {} without an error object", exchange.status());
    co_return Status{};
  }
  judge(seen, body, case_.requests.shape == dispatch::AnswerShape::kStream);
  co_return Status{};
}

// A 200 that came to its end: a whole answer, or an error in the protocol's own frame.
void Clients::judge(SeenRequest& seen, const std::string& body, bool stream) const {
  bool mixed = false;
  seen.attempt = attempt_in(body, mixed);
  if (mixed) seen.problem = "content of two attempts";
  if (!seen.attempt) seen.problem = "200 without content";
  const bool whole = !stream || body.ends_with("data: [DONE]\n\n");
  if (whole && !is_error(body)) {
    seen.request.end = sim::FaultEnd::kAnswered;
    return;
  }
  seen.request.end = sim::FaultEnd::kBroken;
  seen.request.failure = ErrorKind::kUpstream;
  if (!is_error(body)) seen.problem = "a stream without its end and without an error";
}

net::Awaitable<Result<std::string>> Clients::get(std::string path) {
  net::HttpCall call;
  call.method = "GET";
  call.path = std::move(path);
  const net::CallLimits limits;
  auto exchange = co_await client_.send(admin_, call, limits, nullptr);
  if (!exchange) co_return std::unexpected(std::move(exchange).error());
  auto body = co_await (*exchange)->read_all(kAnswerBytesMax);
  co_return body;
}

net::Awaitable<Status> Clients::take_sample() {
  const Nanoseconds before = timeline_.now();
  auto text = co_await get("/metrics");
  if (!text) co_return std::unexpected(std::move(text).error());
  Sample sample = parse_metrics(*text);
  sample.at = before + Nanoseconds{(timeline_.now() - before).value / 2};
  samples_.push_back(std::move(sample));
  co_return Status{};
}

// Reads the metrics until every client has its end and the gateway says that it is idle, or has had time to be.
net::Awaitable<void> Clients::watch() {
  std::optional<Nanoseconds> patience;
  for (;;) {
    const Status sampled = co_await take_sample();
    if (!sampled) fmt::print(stderr, "no metrics: {}\n", sampled.error().text());
    if (all_sent_ && open_ == 0) {
      if (!patience) patience = timeline_.now() + timeline_.case_span(kSettle);
      const bool idle = !samples_.empty() && sum_of(samples_.back(), "thalamus_requests_in_flight") == 0 &&
                        sum_of(samples_.back(), "thalamus_replica_in_flight") == 0;
      if (idle || timeline_.now() > *patience) break;
    }
    co_await sleep_until(timeline_.now() + timeline_.case_span(kSampleEvery));
  }
  auto status = co_await get("/admin/status");
  if (status) status_ = *std::move(status);
  client_.clear();
}

}  // namespace thalamus::scenario

/// A gateway core between two in-memory networks, one towards a client and one towards scripted upstreams, for tests of
/// what becomes of whole requests.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "thalamus/gateway/endpoints.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/http_client.h"
#include "thalamus/net/memory.h"

namespace thalamus::gateway {

/// Keeps what was appended.
class RigRecords final : public trace::RecordLog {
 public:
  bool append(core::Turn turn) noexcept override {
    turns.push_back(std::move(turn));
    return true;
  }
  void flush() noexcept override {}
  [[nodiscard]] trace::RecordLogCounts counts() const override { return {}; }
  [[nodiscard]] const std::string& repaired() const noexcept override { return repaired_; }
  std::vector<core::Turn> turns;

 private:
  std::string repaired_;
};

class RigFacts final : public Facts {
 public:
  explicit RigFacts(std::shared_ptr<const Runtime> runtime) : runtime_(std::move(runtime)) {}
  [[nodiscard]] std::shared_ptr<const Runtime> runtime() const override { return runtime_; }
  [[nodiscard]] std::vector<ChildStatus> children() const override { return {}; }
  [[nodiscard]] bool stopping() const noexcept override { return false; }
  [[nodiscard]] net::Awaitable<Result<ReloadReport>> reload() override {
    co_return fail(ErrorKind::kUnsupported, "there is no file");
  }

 private:
  std::shared_ptr<const Runtime> runtime_;
};

/// What a scripted upstream does with each request. Runs as long as its client is there.
enum class Script : std::uint8_t {
  kAnswer,      ///< says "one" and ends
  kFail,        ///< 500
  kFallSilent,  ///< says "one" as a stream and then nothing
};

/// The upstreams are named "first" and "second" and listen on port 80.
class TurnRig {
 public:
  explicit TurnRig(const std::string& config)
      : telemetry_(metrics_),
        shared_{.clock = clock_, .telemetry = telemetry_, .records = &records},
        towards_client_(context_.get_executor(), clock_),
        towards_upstream_(context_.get_executor(), clock_),
        core_(0, shared_, towards_upstream_, 1),
        facts_(Runtime::make(parse_config(config, "test.yaml").value(), 1, "/tmp").value()),
        handler_(main_handler(core_, facts_)),
        client_(towards_client_, clock_) {
    core_.runtime = facts_.runtime();
    listen(towards_client_, "gateway", handler_, gate_);
    for (const auto* host : {"first", "second"}) {
      handlers_[host] = [this, host](net::HttpRequest& http, net::Responder& responder) {
        return upstream(host, http, responder);
      };
      listen(towards_upstream_, host, handlers_[host], upstream_gate_);
    }
  }

  ~TurnRig() {
    for (auto& listener : listeners_) listener->close();
    client_.clear();
    core_.client.clear();
    gate_.abort();
    upstream_gate_.abort();
    context_.restart();
    context_.run_for(std::chrono::milliseconds(20));
  }
  TurnRig(const TurnRig&) = delete;
  TurnRig& operator=(const TurnRig&) = delete;

  struct Answer {
    int status = 0;  ///< 0: the connection broke
    std::string body;
    Nanoseconds duration{};
  };

  /// One request; the loop runs until it is answered and `left` records are there. What finds no route leaves none.
  Answer ask(std::string body, std::string path = "/v1/chat/completions", std::size_t left = 1) {
    Answer answer;
    bool done = false;
    const std::size_t before = records.turns.size();
    const Nanoseconds begun = clock_.now();
    net::asio::co_spawn(context_, exchange(std::move(path), std::move(body), &answer, &done), net::asio::detached);
    context_.restart();
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while ((!done || records.turns.size() < before + left) && std::chrono::steady_clock::now() < give_up)
      context_.run_one_for(std::chrono::milliseconds(20));
    answer.duration = clock_.now() - begun;
    EXPECT_TRUE(done) << "the client waits for ever";
    EXPECT_EQ(records.turns.size(), before + left) << "each turn leaves one record";
    return answer;
  }

  Answer chat(std::string_view text, bool stream = false) {
    return ask(
        fmt::format(R"({{"model":"auto","stream":{},"messages":[{{"role":"user","content":"{}"}}]}})", stream, text));
  }

  /// The sum of a metric's samples whose line has these words in it.
  [[nodiscard]] double metric(std::string_view name, std::string_view words) const {
    double sum = 0;
    const std::string text = telemetry_.exposition();
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      at = end + 1;
      if (line.starts_with(name) && line.find(words) != std::string::npos)
        sum += std::stod(line.substr(line.rfind(' ')));
    }
    return sum;
  }

  [[nodiscard]] const Runtime& runtime() const { return *core_.runtime; }
  [[nodiscard]] const Telemetry& telemetry() const noexcept { return telemetry_; }

  RigRecords records;
  std::map<std::string, Script, std::less<>> scripts;  ///< by upstream; kAnswer unless said
  std::map<std::string, int, std::less<>> calls;       ///< that each upstream saw

 private:
  void listen(net::MemoryNetwork& network, const std::string& host, const net::Handler& handler, net::Gate& gate) {
    listeners_.push_back(network.listen(host, 80).value());
    net::asio::co_spawn(context_, net::accept_loop(*listeners_.back(), limits_, handler, error_body_, clock_, gate),
                        net::asio::detached);
  }

  net::Awaitable<void> exchange(std::string path, std::string body, Answer* out, bool* done) {
    net::Endpoint endpoint;
    endpoint.host = "gateway";
    endpoint.port = 80;
    net::HttpCall call;
    call.path = path;
    call.body = body;
    const net::CallLimits limits;
    auto exchange = co_await client_.send(endpoint, call, limits, nullptr);
    if (exchange) {
      out->status = (*exchange)->status();
      auto whole = co_await (*exchange)->read_all(1U << 20);
      if (whole) out->body = *std::move(whole);
    }
    *done = true;
  }

  net::Awaitable<void> upstream(std::string host, net::HttpRequest& http, net::Responder& responder) {
    ++calls[host];
    const Script script = scripts[host];
    net::Headers headers;
    headers.add("content-type", "application/json");
    if (script == Script::kFail) {
      Status told = co_await responder.send(500, headers, R"({"error":{"message":"out of order","type":"x"}})");
      static_cast<void>(told);
      co_return;
    }
    if (http.body.find(R"("stream":true)") == std::string::npos) {
      Status whole = co_await responder.send(200, headers, kWhole);
      static_cast<void>(whole);
      co_return;
    }
    headers.set("content-type", "text/event-stream");
    Status sent = co_await responder.start(200, headers, kFirstPiece);
    if (script == Script::kFallSilent) {
      net::asio::steady_timer timer(co_await net::asio::this_coro::executor);
      while (!responder.client_gone().cancelled()) {
        timer.expires_after(std::chrono::milliseconds(2));
        auto [error] = co_await timer.async_wait(net::asio::as_tuple(net::asio::use_awaitable));
        if (error) break;
      }
      co_return;
    }
    if (sent) sent = co_await responder.write(kLastPiece);
    if (sent) sent = co_await responder.finish();
  }

  static constexpr std::string_view kWhole =
      R"({"id":"x","object":"chat.completion","created":0,"model":"m","choices":[{"index":0,"message":{"role":)"
      R"("assistant","content":"one"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}})";
  static constexpr std::string_view kFirstPiece =
      "data: "
      "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"m\",\"choices\":[{\"index\":0,"
      "\"delta\":{\"role\":\"assistant\",\"content\":\"one\"}}]}\n\n";
  static constexpr std::string_view kLastPiece =
      "data: "
      "{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"m\",\"choices\":[{\"index\":0,"
      "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

  base::SystemClock clock_;
  base::Metrics metrics_;
  Telemetry telemetry_;
  Shared shared_;
  net::ServerLimits limits_;
  net::ErrorBody error_body_ = [](int status, std::string_view message, std::string_view path) {
    return named_error_body(status, message, path, {});
  };
  net::Gate gate_;
  net::Gate upstream_gate_;
  std::map<std::string, net::Handler, std::less<>> handlers_;
  net::asio::io_context context_{1};
  net::MemoryNetwork towards_client_;
  net::MemoryNetwork towards_upstream_;
  CoreState core_;
  RigFacts facts_;
  net::Handler handler_;
  net::HttpClient client_;
  std::vector<std::unique_ptr<net::MemoryListener>> listeners_;
};

}  // namespace thalamus::gateway

// The gateway's own turn over the in-memory transport: reads cut to a byte, every upstream operation failed once,
// streams broken after every byte. Whatever happens, the client gets an answer or a well-formed error, one record is
// left and no slot of a target stays taken.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "turn_rig.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

constexpr const char* kConfig = R"(version: 1
providers:
  first: { base_url: "http://first:80/v1", concurrency: 1, timeouts: { first_byte_ms: 200, idle_ms: 200 },
           endpoints: { breaker_failures: 0, ejection_failures: 0, failure_share: 0 }, retries: { attempts_max: 1 } }
  second: { base_url: "http://second:80/v1", concurrency: 1, timeouts: { first_byte_ms: 200, idle_ms: 200 },
            endpoints: { breaker_failures: 0, ejection_failures: 0, failure_share: 0 }, retries: { attempts_max: 1 } }
models:
  - { name: a, provider: first, id: model-a, price: { input: 1, output: 1 } }
  - { name: b, provider: second, id: model-b, price: { input: 1, output: 1 } }
routes:
  - { name: auto, targets: [a, b] }
)";

/// What a scripted upstream says: two pieces, buffered or streamed.
net::Awaitable<void> upstream(net::HttpRequest& http, net::Responder& responder) {
  const wire::Format& format = *wire::find_format("openai");
  auto request = format.decode(http.body, {});
  core::Answer answer;
  answer.id = "x";
  answer.model = request ? request->model : "?";
  answer.text = "one two";
  answer.usage = {.input = 7, .cached_input = 0, .output = 2, .reasoning = 0, .known = true};
  net::Headers headers;
  if (!request || !request->stream) {
    headers.add("content-type", "application/json");
    const std::string body = format.encode_answer(answer);
    Status sent = co_await responder.send(200, headers, body);
    co_return;
  }
  headers.add("content-type", "text/event-stream");
  const auto writer = format.write_stream(
      {.id = "x", .created_unix_s = 0, .model = answer.model, .with_usage = true, .input_tokens = 0});
  std::string begin;
  writer->start(begin);
  core::Delta delta;
  delta.text = "one ";
  writer->write(delta, begin);
  Status sent = co_await responder.start(200, headers, begin);
  std::string rest;
  delta.text = "two";
  writer->write(delta, rest);
  writer->end({.finish = core::Finish::kStop, .usage = answer.usage}, rest);
  if (sent) sent = co_await responder.write(rest);
  if (sent) sent = co_await responder.finish();
}

struct ClientAnswer {
  int status = 0;      ///< 0: the connection broke
  bool whole = false;  ///< the body came to its end
  std::string body;
};

/// A gateway core between two in-memory networks, one towards the client and one towards the upstreams.
class TurnTest : public testing::Test {
 protected:
  TurnTest()
      : telemetry_(metrics_),
        shared_{clock_, telemetry_, &records_},
        towards_client_(context_.get_executor(), clock_),
        towards_upstream_(context_.get_executor(), clock_),
        core_(0, shared_, towards_upstream_, 1),
        facts_(Runtime::make(parse_config(kConfig, "test.yaml").value(), 1, "/tmp").value()),
        handler_(main_handler(core_, facts_)),
        client_(towards_client_, clock_) {
    core_.runtime = facts_.runtime();
    listen(towards_client_, "gateway", handler_, gate_);
    listen(towards_upstream_, "first", upstream_, upstream_gate_);
    listen(towards_upstream_, "second", upstream_, upstream_gate_);
  }

  ~TurnTest() override {
    for (auto& listener : listeners_) listener->close();
    client_.clear();
    core_.client.clear();
    gate_.abort();
    upstream_gate_.abort();
    context_.restart();
    context_.run_for(std::chrono::milliseconds(50));
  }

  void listen(net::MemoryNetwork& network, const std::string& host, const net::Handler& handler, net::Gate& gate) {
    listeners_.push_back(network.listen(host, 80).value());
    asio::co_spawn(context_, net::accept_loop(*listeners_.back(), limits_, handler, error_body_, clock_, gate),
                   asio::detached);
  }

  net::Awaitable<void> ask(std::string body, ClientAnswer* out, bool* done) {
    net::Endpoint endpoint;
    endpoint.host = "gateway";
    endpoint.port = 80;
    net::HttpCall call;
    call.path = "/v1/chat/completions";
    call.body = body;
    const net::CallLimits limits;
    auto exchange = co_await client_.send(endpoint, call, limits, nullptr);
    if (exchange) {
      out->status = (*exchange)->status();
      for (;;) {
        auto piece = co_await (*exchange)->read();
        if (!piece) break;
        out->whole = piece->empty();
        if (piece->empty()) break;
        out->body += *piece;
      }
    }
    *done = true;
  }

  /// One request from the client; the loop runs until it is answered and its record is there.
  ClientAnswer chat(bool stream) {
    const std::string body = fmt::format(
        R"({{"model":"auto","stream":{},"messages":[{{"role":"user","content":"count to two"}}]}})", stream);
    ClientAnswer answer;
    bool done = false;
    const std::size_t before = records_.turns.size();
    asio::co_spawn(context_, ask(body, &answer, &done), asio::detached);
    context_.restart();
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while ((!done || records_.turns.size() == before) && std::chrono::steady_clock::now() < give_up)
      context_.run_one_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(done) << "the client waits for ever";
    EXPECT_EQ(records_.turns.size(), before + 1) << "each turn leaves one record";
    return answer;
  }

  void expect_whole(const ClientAnswer& answer, bool stream) {
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.whole);
    EXPECT_NE(answer.body.find(stream ? "[DONE]" : "one two"), std::string::npos) << answer.body;
  }

  /// An answer, or an error in the protocol's own shape: as a status, or as the last frame of a stream.
  void expect_well_formed(const ClientAnswer& answer, bool stream) {
    ASSERT_NE(answer.status, 0) << "the client's own connection had no fault";
    ASSERT_TRUE(answer.whole);
    if (answer.status != 200) {
      EXPECT_TRUE(nlohmann::json::parse(answer.body).contains("error")) << answer.body;
    } else if (stream && answer.body.find("[DONE]") == std::string::npos) {
      const auto last = answer.body.rfind("data: ");
      ASSERT_NE(last, std::string::npos);
      EXPECT_TRUE(nlohmann::json::parse(answer.body.substr(last + 6)).contains("error")) << answer.body;
    } else {
      expect_whole(answer, stream);
    }
  }

  void expect_no_slot_taken() {
    for (const auto& route : facts_.runtime()->routes())
      for (const std::uint16_t target : route->policy_index)
        EXPECT_EQ(route->policy->state(target, clock_.now()).queue_seconds, 0) << route->name;
  }

  base::SystemClock clock_;
  base::Metrics metrics_;
  Telemetry telemetry_;
  RigRecords records_;
  Shared shared_;
  net::ServerLimits limits_;
  net::ErrorBody error_body_ = [](int status, std::string_view message, std::string_view path) {
    return named_error_body(status, message, path, {});
  };
  net::Gate gate_;
  net::Gate upstream_gate_;
  asio::io_context context_{1};
  net::MemoryNetwork towards_client_;
  net::MemoryNetwork towards_upstream_;
  CoreState core_;
  RigFacts facts_;
  net::Handler handler_;
  net::Handler upstream_ = upstream;
  net::HttpClient client_;
  std::vector<std::unique_ptr<net::MemoryListener>> listeners_;
};

TEST_F(TurnTest, AnswersAreTheSameHoweverTheBytesAreCut) {
  for (const bool stream : {false, true}) {
    const ClientAnswer reference = chat(stream);
    expect_whole(reference, stream);
    for (const std::size_t size : {1U, 2U, 3U, 7U, 64U}) {
      core_.client.clear();
      towards_upstream_.faults().read_size_max = size;
      EXPECT_EQ(chat(stream).body, reference.body) << "reads of " << size << " bytes";
    }
    core_.client.clear();
    towards_upstream_.faults().read_size_max = SIZE_MAX;
  }
}

TEST_F(TurnTest, EveryUpstreamOperationMayFailOnce) {
  for (const bool stream : {false, true}) {
    for (std::uint64_t n = 1; n < 200; ++n) {
      core_.client.clear();
      net::FailCounter counter{.fail_at = n};
      towards_upstream_.faults().counter = &counter;
      SCOPED_TRACE(fmt::format("operation {}, stream {}", n, stream));
      expect_well_formed(chat(stream), stream);
      expect_no_slot_taken();
      core_.client.clear();
      context_.restart();
      context_.run_for(std::chrono::milliseconds(1));
      towards_upstream_.faults().counter = nullptr;
      if (!counter.hit) break;
      ASSERT_LT(n, 199U) << "the loop must end by passing";
    }
  }
}

TEST_F(TurnTest, AStreamMayBreakAfterEveryByte) {
  std::size_t fallbacks = 0;
  std::size_t told = 0;
  for (std::uint64_t bytes = 0; bytes < 1600; ++bytes) {
    core_.client.clear();
    towards_upstream_.faults().to_client_bytes_max = bytes;
    SCOPED_TRACE(fmt::format("broken after {} bytes", bytes));
    const ClientAnswer answer = chat(true);
    expect_well_formed(answer, true);
    expect_no_slot_taken();
    fallbacks += records_.turns.back().outcome.attempts.size() > 1 ? 1U : 0U;
    told += answer.status == 200 && answer.body.find("[DONE]") == std::string::npos ? 1U : 0U;
  }
  EXPECT_GT(fallbacks, 0U) << "some breaks come before the first content";
  EXPECT_GT(told, 0U) << "some breaks come after it";
}

TEST_F(TurnTest, AClientThatBreaksAwayLeavesARecordAndNoTakenSlot) {
  for (std::uint64_t bytes = 0; bytes < 900; bytes += 37) {
    client_.clear();
    towards_client_.faults().to_client_bytes_max = bytes;
    SCOPED_TRACE(fmt::format("the client's connection breaks after {} bytes", bytes));
    static_cast<void>(chat(true));
    expect_no_slot_taken();
  }
}

}  // namespace
}  // namespace thalamus::gateway

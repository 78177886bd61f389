// A route that reads the sentence encoder: the serving core does not wait for it, the decision is made with the text's
// own vector once that is there, and a turn that ends early leaves nothing behind. With the real encoder, where set-up
// has fetched it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <future>

#include "thalamus/base/file.h"
#include "thalamus/feature/encoder.h"
#include "thalamus/gateway/slow_features.h"
#include "thalamus/learn/train.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/memory.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

trace::OutcomeTable table() {
  const std::array<const char*, 6> prompts{"How is bread made?", "What is 3 + 4?",   "Name a river of France.",
                                           "Sort 3, 1 and 2.",   "Who wrote Faust?", "What is 7 times 8?"};
  trace::OutcomeTable table;
  table.models = {"a", "b"};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    trace::Row row;
    row.id = fmt::format("{}", i);
    row.prompt = prompts[i];
    row.cells.resize(2);
    row.cells[0].quality = i % 2 == 0 ? 1 : 0;
    row.cells[1].quality = i % 2 == 0 ? 0 : 1;
    table.rows.push_back(std::move(row));
  }
  return table;
}

class SlowFeatures : public testing::Test {
 protected:
  SlowFeatures()
      : telemetry_(metrics_), shared_{clock_, telemetry_, nullptr}, network_(context_->get_executor(), clock_) {}

  void SetUp() override {
    const auto opened = feature::Encoder::open_shared({}, {});
    if (!opened) GTEST_SKIP() << "skipped, the sentence encoder is not here: " << opened.error().text();
    encoder_ = *opened;
    learn::TrainOptions options;
    options.method = "ridge";
    options.features = {"encoder"};
    const auto trained = learn::train(table(), options);
    ASSERT_TRUE(trained.has_value()) << trained.error().text();
    const auto path = std::filesystem::temp_directory_path() / fmt::format("thalamus-slow-{}.snapshot", ::getpid());
    ASSERT_TRUE(base::write_file_atomic(path, trained->snapshot->bytes()).has_value());
    const std::string config = fmt::format(R"(version: 1
providers:
  p: {{ base_url: "http://p:80/v1" }}
models:
  - {{ name: a, provider: p, price: {{ input: 1, output: 1 }} }}
  - {{ name: b, provider: p, price: {{ input: 1, output: 1 }} }}
routes:
  - {{ name: auto, targets: [a, b], router: {{ snapshot: {} }} }}
)",
                                           path.string());
    auto runtime = Runtime::make(parse_config(config, "test.yaml").value(), 1, "/tmp");
    std::filesystem::remove(path);
    ASSERT_TRUE(runtime.has_value()) << runtime.error().text();
    runtime_ = *runtime;
    core_ = std::make_unique<CoreState>(0, shared_, network_, 1);
  }

  net::Awaitable<void> decide(std::string prompt, Decision* decision, bool* first, bool* done) {
    net::HttpRequest http;
    http.body = fmt::format(R"({{"model":"auto","messages":[{{"role":"user","content":"{}"}}]}})", prompt);
    core::Request request;
    const Status prepared = prepare(*core_, *runtime_, *wire::find_format("openai"), http, request, *decision);
    EXPECT_TRUE(prepared.has_value()) << prepared.error().text();
    *first = decision->stands_in;
    if (decision->stands_in) co_await decide_with_slow_features(*core_, request, *decision);
    *done = true;
  }

  base::SystemClock clock_;
  base::Metrics metrics_;
  Telemetry telemetry_;
  Shared shared_;
  std::unique_ptr<asio::io_context> context_ = std::make_unique<asio::io_context>(1);
  net::MemoryNetwork network_;
  std::shared_ptr<const feature::Encoder> encoder_;
  std::shared_ptr<const Runtime> runtime_;
  std::unique_ptr<CoreState> core_;
};

TEST_F(SlowFeatures, DecideWithTheTextsOwnVector) {
  const auto length = [](const Decision& decision) {
    double sum = 0;
    for (std::size_t d = 0; d < 384; ++d) sum += static_cast<double>(decision.features[d] * decision.features[d]);
    return sum;
  };
  Decision decision;
  bool first = false;
  bool done = false;
  asio::co_spawn(*context_, decide("Where does the Rhine end?", &decision, &first, &done), asio::detached);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done && std::chrono::steady_clock::now() < give_up) context_->run_one_for(std::chrono::milliseconds(20));
  ASSERT_TRUE(done);
  EXPECT_TRUE(first) << "nobody asked this before";
  if (decision.stands_in) {  // a busy machine: the time ran out, and the reason says so
    EXPECT_NE(decision.reason_text(core_->estimates).find("stood in"), std::string::npos);
    EXPECT_GE(decision.duration.value, kFeaturesWait.value);
  } else {
    EXPECT_NEAR(length(decision), 1, 1e-3);
    EXPECT_EQ(decision.reason_text(core_->estimates).find("stood in"), std::string::npos);
  }

  Decision again;
  done = false;
  while (decision.stands_in && !encoder_->remembers(decision.prompt_hash)) std::this_thread::yield();
  asio::co_spawn(*context_, decide("Where does the Rhine end?", &again, &first, &done), asio::detached);
  context_->restart();
  while (!done) context_->run_one_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(first) << "the vector is remembered";
  EXPECT_NEAR(length(again), 1, 1e-3);
}

TEST_F(SlowFeatures, ATurnThatEndsWhileItWaitsIsNotRung) {
  Decision decision;
  bool first = false;
  bool done = false;
  asio::co_spawn(*context_, decide("Is a tomato a fruit?", &decision, &first, &done), asio::detached);
  context_->poll_one();  // as far as the wait
  EXPECT_TRUE(first);
  EXPECT_FALSE(done);
  core_.reset();
  context_.reset();  // the core goes with its waiting turn; the encoder's thread is still at work
  while (!encoder_->remembers(decision.prompt_hash)) std::this_thread::yield();
  runtime_.reset();  // joins the thread: its call has found nobody to ring
  EXPECT_FALSE(done);
}

}  // namespace
}  // namespace thalamus::gateway

// Children are real programs here; their health is asked of small servers in this process, so that a test says when one
// is up. Whatever is wanted and in whatever order: no process is left over, none that stays is touched.
#include "thalamus/gateway/supervisor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>

#include "thalamus/net/asio.h"
#include "thalamus/net/http_server.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr Nanoseconds kLong = Nanoseconds::from_ms(60'000);

/// A health endpoint on a port of its own.
class Health {
 public:
  Health() : listener_(net::Listener::bind("127.0.0.1", 0).value()), acceptor_(listener_.acceptor(context_).value()) {
    asio::co_spawn(context_, net::accept_loop(acceptor_, limits_, handler_, error_body_, clock_, gate_),
                   asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Health() {
    context_.stop();
    thread_.join();
  }
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return listener_.port(); }
  std::atomic<int> status{200};

 private:
  asio::io_context context_{1};
  net::Listener listener_;
  asio::ip::tcp::acceptor acceptor_;
  net::ServerLimits limits_;
  base::SystemClock clock_;
  net::Gate gate_;
  net::ErrorBody error_body_ = [](int, std::string_view message, std::string_view) { return std::string(message); };
  net::Handler handler_ = [this](net::HttpRequest&, net::Responder& responder) { return answer(status, responder); };
  std::thread thread_;

  static net::Awaitable<void> answer(int status, net::Responder& responder) {
    const net::Headers headers;
    Status sent = co_await responder.send(status, headers, "{}");
    static_cast<void>(sent);
  }
};

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

bool runs(int process) { return ::kill(process, 0) == 0; }

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest()
      : folder_(fs::temp_directory_path() / fmt::format("thalamus-supervisor-{}-{}", ::getpid(),
                                                        testing::UnitTest::GetInstance()->current_test_info()->name())),
        supervisor_(clock_, [this](const std::string& name, bool healthy) {
          const std::lock_guard lock(mutex_);
          heard_[name] = healthy;
        }) {
    fs::create_directories(folder_);
  }
  ~SupervisorTest() override {
    supervisor_.stop();
    fs::remove_all(folder_);
  }

  ChildSpec spec(const std::string& name, const Health& health, std::vector<std::string> command = {"sleep", "1000"}) {
    ChildSpec out;
    out.name = name;
    out.command = std::move(command);
    out.endpoint = net::parse_base_url(fmt::format("http://127.0.0.1:{}", health.port())).value();
    out.log_file = folder_ / (name + ".log");
    return out;
  }
  void want(const std::vector<ChildSpec>& specs, Nanoseconds patience = kLong) {
    held_.clear();
    for (const ChildSpec& spec : specs) held_.push_back(std::make_shared<const ChildSpec>(spec));
    supervisor_.supervise(held_, patience);
  }
  [[nodiscard]] ChildStatus status(const std::string& name, bool leaving = false) const {
    for (const ChildStatus& child : supervisor_.status())
      if (child.name == name && (child.state == ChildState::kLeaving) == leaving) return child;
    return {};
  }
  [[nodiscard]] bool up(const std::string& name) const { return status(name).state == ChildState::kHealthy; }
  [[nodiscard]] bool heard_up(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return heard_[name];
  }

  fs::path folder_;
  base::SystemClock clock_;
  std::mutex mutex_;
  std::map<std::string, bool> heard_;
  Health one_, two_, three_;
  Supervisor::Wanted held_;  ///< as the configuration in force holds them
  Supervisor supervisor_;
};

TEST_F(SupervisorTest, TouchesNothingThatStaysAndEndsWhatGoes) {
  want({spec("stays", one_), spec("goes", two_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  const int stays = status("stays").process_id;
  const int goes = status("goes").process_id;
  ChildSpec more_patient = spec("stays", one_);
  more_patient.start_timeout = kLong;
  want({more_patient, spec("comes", three_)});
  EXPECT_EQ(status("stays").process_id, stays);
  EXPECT_TRUE(up("stays")) << "it is not asked to start anew";
  EXPECT_TRUE(eventually([&] { return !runs(goes) && supervisor_.status().size() == 2; }));
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  EXPECT_EQ(status("stays").process_id, stays);
  EXPECT_TRUE(heard_up("comes"));
  EXPECT_TRUE(heard_up("goes")) << "of one that leaves nothing is told: its name may be another server's by now";
}

TEST_F(SupervisorTest, LetsAChildLeaveOnlyWhenNobodyHoldsIt) {
  want({spec("a", one_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  const int process = status("a").process_id;
  auto turns = std::move(held_);
  want({});
  EXPECT_EQ(status("a", true).process_id, process);
  EXPECT_EQ(status("a", true).last_error, "ends when the requests in flight have ended");
  EXPECT_TRUE(supervisor_.wait_ready(kLong)) << "it is nobody's business whether it is up";
  want({spec("b", two_)});  // the thread has been through it several times when this one is up
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  EXPECT_TRUE(runs(process));
  turns.clear();
  EXPECT_TRUE(eventually([&] { return !runs(process); }));
}

TEST_F(SupervisorTest, HasNoMorePatienceThanItIsGiven) {
  want({spec("a", one_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  const int process = status("a").process_id;
  const auto turns = std::move(held_);
  want({}, {});
  EXPECT_TRUE(eventually([&] { return !runs(process) && supervisor_.status().empty(); }));
}

TEST_F(SupervisorTest, StartsTheNextOneOfAnAddressWhenTheFormerHasEnded) {
  want({spec("a", one_), spec("b", two_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  const int former = status("a").process_id;
  const int elsewhere = status("b").process_id;
  auto turns = std::move(held_);
  // a changes where it is, b moves, and the renamed one takes what was b's.
  want({spec("a", one_, {"sleep", "2000"}), spec("b", three_), spec("renamed", two_)});
  EXPECT_TRUE(eventually([&] { return up("b"); }));
  EXPECT_NE(status("b").process_id, elsewhere);
  EXPECT_TRUE(runs(elsewhere));
  EXPECT_EQ(status("a").process_id, 0);
  EXPECT_EQ(status("a").last_error,
            fmt::format("waits for the end of process {}, which has its address until then", former));
  EXPECT_EQ(status("renamed").process_id, 0);
  EXPECT_FALSE(heard_up("a")) << "for new requests it is down";
  turns.clear();
  EXPECT_TRUE(eventually([&] { return up("a") && up("renamed"); }));
  EXPECT_FALSE(runs(former));
  EXPECT_FALSE(runs(elsewhere));
  EXPECT_EQ(status("a").last_error, "");
}

TEST_F(SupervisorTest, TakesBackAChildThatWasAboutToLeave) {
  want({spec("a", one_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  const int process = status("a").process_id;
  auto turns = std::move(held_);
  want({});
  want({spec("a", one_)});
  EXPECT_TRUE(up("a"));
  EXPECT_EQ(status("a").process_id, process);
  turns.clear();
  want({spec("a", one_), spec("b", two_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  EXPECT_EQ(status("a").process_id, process);
  EXPECT_TRUE(heard_up("a"));
}

TEST_F(SupervisorTest, StartsAgainWhatWasToldToEndAlready) {
  want({spec("a", one_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  const int process = status("a").process_id;
  want({}, {});
  EXPECT_FALSE(supervisor_.healthy(spec("a", one_)));
  want({spec("a", one_)});
  EXPECT_TRUE(eventually([&] { return up("a"); }));
  EXPECT_NE(status("a").process_id, process);
  EXPECT_FALSE(runs(process));
}

TEST_F(SupervisorTest, ReportsWhatDoesNotStartAndGoesOn) {
  want({spec("good", one_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  const int good = status("good").process_id;
  ChildSpec missing = spec("missing", two_, {"/no/such/program"});
  ChildSpec absent = spec("absent", three_);
  absent.unavailable = "its file is not there";
  want({spec("good", one_), missing, absent});
  EXPECT_FALSE(supervisor_.wait_ready(kLong));
  EXPECT_EQ(status("missing").state, ChildState::kFailed);
  EXPECT_THAT(status("missing").last_error, HasSubstr("cannot start '/no/such/program' for missing"));
  EXPECT_EQ(status("absent").last_error, "its file is not there");
  EXPECT_FALSE(heard_up("missing"));
  absent.unavailable.clear();
  want({spec("good", one_), spec("missing", two_), absent});
  EXPECT_TRUE(supervisor_.wait_ready(kLong)) << "a mended one does not wait for the backoff of the broken one";
  EXPECT_EQ(status("good").process_id, good);
}

TEST_F(SupervisorTest, KnowsAProcessByAllThatItWasStartedWith) {
  const ChildSpec base = spec("a", one_);
  std::vector<ChildSpec> others(6, base);
  others[0].command = {"sleep", "1"};
  others[1].nice = 3;
  others[2].health_path = "/other";
  others[3].content = "another digest";
  others[4].name = "b";
  others[5].endpoint.port = two_.port();
  for (const ChildSpec& other : others) EXPECT_FALSE(same_process(base, other));
  ChildSpec same = base;
  same.start_timeout = kLong;
  same.unavailable = "x";
  EXPECT_TRUE(same_process(base, same));
}

TEST_F(SupervisorTest, EndsOneThatIsStillStarting) {
  one_.status = 503;
  want({spec("a", one_)});
  ASSERT_TRUE(eventually([&] { return status("a").process_id != 0; }));
  const int process = status("a").process_id;
  EXPECT_EQ(status("a").state, ChildState::kStarting);
  want({spec("a", one_), spec("b", two_)});
  EXPECT_TRUE(eventually([&] { return up("b"); }));
  EXPECT_EQ(status("a").process_id, process) << "and a reload does not start it over";
  want({spec("b", two_)});
  EXPECT_TRUE(eventually([&] { return !runs(process); }));
}

TEST_F(SupervisorTest, EndsTheWholeGroup) {
  want({spec("a", one_, {"sh", "-c", "sleep 1001 & echo $!; wait"})});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  int grandchild = 0;
  ASSERT_TRUE(eventually([&] { return static_cast<bool>(std::ifstream(folder_ / "a.log") >> grandchild); }));
  EXPECT_TRUE(runs(grandchild));
  // The leader dies alone: the one that is started in its place finds nobody on its address.
  const int leader = status("a").process_id;
  ::kill(leader, SIGKILL);
  EXPECT_TRUE(eventually([&] { return status("a").process_id == 0; }));
  EXPECT_TRUE(eventually([&] {
    std::ifstream stat(fmt::format("/proc/{}/stat", grandchild));
    std::string id, name, state;
    return !(stat >> id >> name >> state) || state == "Z";  // whoever inherits it may not reap it at once
  }));
  EXPECT_EQ(status("a").restarts, 1U);
}

TEST_F(SupervisorTest, LeavesNoProcessWhenItStopsInTheMidstOfAChange) {
  two_.status = 503;
  want({spec("held", one_), spec("starting", two_)});
  ASSERT_TRUE(eventually([&] { return up("held") && status("starting").process_id != 0; }));
  std::vector<int> processes{status("held").process_id, status("starting").process_id};
  const auto turns = std::move(held_);
  want({spec("starting", two_), spec("waiting", one_), spec("comes", three_)});
  ASSERT_TRUE(eventually([&] { return status("comes").process_id != 0; }));
  processes.push_back(status("comes").process_id);
  supervisor_.stop();
  for (const int process : processes) EXPECT_FALSE(runs(process));
  for (const ChildStatus& child : supervisor_.status()) EXPECT_EQ(child.process_id, 0) << child.name;
  want({spec("late", one_)});
  EXPECT_EQ(status("late").process_id, 0) << "after the stop nothing starts";
}

TEST_F(SupervisorTest, KeepsNoDescriptorOfWhatHasLeft) {
  want({spec("stays", one_)});
  ASSERT_TRUE(supervisor_.wait_ready(kLong));
  std::size_t before = 0;
  for (int round = 0; round < 5; ++round) {
    want({spec("stays", one_), spec("guest", two_), spec("broken", three_, {"/no/such/program"})});
    ASSERT_TRUE(eventually([&] { return up("guest"); }));
    want({spec("stays", one_)});
    ASSERT_TRUE(eventually([&] { return supervisor_.status().size() == 1; }));
    if (round == 0) before = entries("/proc/self/fd");
  }
  EXPECT_TRUE(eventually([&] { return entries("/proc/self/fd") <= before; })) << entries("/proc/self/fd");
}

TEST_F(SupervisorTest, TakesWishesFromManyThreadsAndAStopAmongThem) {
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 4; ++round) {
        const auto wish =
            std::make_shared<const ChildSpec>(spec(fmt::format("c{}-{}", i, round % 2), i == 0 ? one_ : two_));
        supervisor_.supervise({wish}, {});
        ++done;
      }
    });
  ASSERT_TRUE(eventually([&] { return done > 5; }));
  supervisor_.stop();
  for (std::thread& thread : threads) thread.join();
  for (const ChildStatus& child : supervisor_.status()) EXPECT_EQ(child.process_id, 0) << child.name;
  EXPECT_EQ(done, 12);
}

}  // namespace
}  // namespace thalamus::gateway

// What one configuration hands to the next: children that stay, controls and policies of targets that stay, the date
// of a route.
#include "thalamus/gateway/runtime.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "thalamus/gateway/reload.h"

namespace thalamus::gateway {
namespace {

namespace fs = std::filesystem;
using RuntimePtr = std::shared_ptr<const Runtime>;

class RuntimeTest : public testing::Test {
 protected:
  RuntimeTest()
      : folder_(fs::temp_directory_path() / fmt::format("thalamus-runtime-{}", ::getpid())),
        file_(folder_ / "c.yaml"),
        model_(folder_ / "m.gguf") {
    fs::create_directories(folder_);
    ::setenv("THALAMUS_HOST_EXECUTABLE", "/bin/true", 1);
  }
  ~RuntimeTest() override {
    ::unsetenv("THALAMUS_HOST_EXECUTABLE");
    fs::remove_all(folder_);
  }

  RuntimePtr made(const std::string& text, const Runtime* running = nullptr, std::int64_t written = 1000) {
    std::ofstream(file_) << "version: 1\n" << text;
    const timespec at{.tv_sec = written, .tv_nsec = 0};
    const timespec times[] = {at, at};
    ::utimensat(AT_FDCWD, file_.c_str(), times, 0);
    auto config = load_config(file_);
    EXPECT_TRUE(config.has_value()) << (config ? "" : config.error().text());
    return Runtime::make(*std::move(config), running == nullptr ? 1 : running->generation() + 1, folder_, running)
        .value();
  }
  /// A provider `p` as given, and another one without a child.
  RuntimePtr with(const std::string& provider, const Runtime* running = nullptr) {
    return made(fmt::format("providers: {{ p: {{ {} }}, q: {{ base_url: 'http://q:80/v1' }} }}\n"
                            "models: [ {{ name: m, provider: p }}, {{ name: n, provider: q }} ]\n"
                            "routes: [ {{ name: auto, targets: [m, n] }} ]\n",
                            provider),
                running);
  }
  void write_model() { std::ofstream(model_) << "GGUF" << std::string(100, '\3'); }
  [[nodiscard]] std::string model_file(const std::string& more = "") const {
    return fmt::format("model_file: '{}'{}", model_.string(), more);
  }
  static const ChildSpec& child(const RuntimePtr& runtime) { return *runtime->find_child("p"); }

  fs::path folder_, file_, model_;
};

const char* const kSpawn = "base_url: 'http://127.0.0.1:9000/v1', spawn: [server, --port, '9000']";

TEST_F(RuntimeTest, AChildStaysWhereNothingThatItWasStartedWithChanges) {
  const RuntimePtr first = with(kSpawn);
  const RuntimePtr again = with(std::string(kSpawn) + ", start_timeout: 5s, concurrency: 3", first.get());
  EXPECT_TRUE(same_process(child(first), child(again)));
  EXPECT_EQ(child(again).start_timeout, Nanoseconds::from_ms(5000));
  for (const char* changed : {"base_url: 'http://127.0.0.1:9000/v1', spawn: [server, --port, '9000', --fast]",
                              "base_url: 'http://127.0.0.1:9001/v1', spawn: [server, --port, '9000']",
                              "base_url: 'http://127.0.0.1:9000/v1', spawn: [server, --port, '9000'], health: /ok"})
    EXPECT_FALSE(same_process(child(first), child(with(changed, first.get())))) << changed;
  EXPECT_EQ(with("base_url: 'http://127.0.0.1:9000/v1'", first.get())->find_child("p"), nullptr);
}

TEST_F(RuntimeTest, SaysWhichServersAReloadStartsAndEnds) {
  const RuntimePtr first = with(kSpawn);
  EXPECT_THAT(server_changes(*first, *with(kSpawn, first.get())), testing::IsEmpty());
  const RuntimePtr changed = with("base_url: 'http://127.0.0.1:9000/v1', spawn: [another]", first.get());
  EXPECT_THAT(
      server_changes(*first, *changed),
      testing::ElementsAre("- server: p, when its requests in flight have ended", "+ server: p, which is started"));
  EXPECT_THAT(server_changes(*changed, *with("base_url: 'http://127.0.0.1:9000/v1'", changed.get())),
              testing::ElementsAre("- server: p, when its requests in flight have ended"));
}

TEST_F(RuntimeTest, AModelFileThatChangesListensOnAnotherSocketAndOneThatStaysOnItsOwn) {
  write_model();
  const RuntimePtr first = with(model_file());
  EXPECT_EQ(child(first).unavailable, "");
  EXPECT_TRUE(same_process(child(first), child(with(model_file(", start_timeout: 5s"), first.get()))));
  for (const std::string more : {", context: 4096", ", slots: 2", ", threads: 1", ", priority: 7"}) {
    const RuntimePtr changed = with(model_file(more), first.get());
    EXPECT_FALSE(same_process(child(first), child(changed))) << more;
    EXPECT_FALSE(same_address(child(first), child(changed))) << more;
  }
  const RuntimePtr other = with(model_file(", sha256: " + std::string(64, 'a')), first.get());
  EXPECT_FALSE(same_process(child(first), child(other))) << "other contents are another model";
  EXPECT_THAT(child(other).unavailable, testing::HasSubstr("SHA-256"));
  EXPECT_EQ(child(with(model_file(), other.get())).endpoint, child(first).endpoint);
}

TEST_F(RuntimeTest, AFileIsLookedForAgainOnlyWhereItsServerDoesNotRun) {
  const RuntimePtr absent = with(model_file());
  EXPECT_NE(child(absent).unavailable, "");
  write_model();
  const RuntimePtr there = with(model_file(), absent.get());
  EXPECT_EQ(child(there).unavailable, "");
  fs::remove(model_);
  EXPECT_EQ(child(with(model_file(), there.get())).unavailable, "");
}

TEST_F(RuntimeTest, WhatIsKnownOfATargetGoesWithItsServer) {
  const RuntimePtr first = with(kSpawn);
  const RuntimePtr same = with(kSpawn, first.get());
  EXPECT_EQ(first->upstreams()[0]->controls, same->upstreams()[0]->controls);
  EXPECT_EQ(first->find_route("auto")->policy, same->find_route("auto")->policy);
  const RuntimePtr changed = with("base_url: 'http://127.0.0.1:9000/v1', spawn: [another]", same.get());
  EXPECT_NE(first->upstreams()[0]->controls, changed->upstreams()[0]->controls);
  EXPECT_EQ(first->upstreams()[1]->controls, changed->upstreams()[1]->controls)
      << "of the other target nothing changed";
  changed->set_provider_healthy("p", false);
  EXPECT_FALSE(changed->find_route("auto")->policy->state(0, {}).healthy);
  EXPECT_TRUE(first->find_route("auto")->policy->state(0, {}).healthy) << "turns in flight still use the former server";
  const RuntimePtr plain = with("base_url: 'http://127.0.0.1:9000/v1'", changed.get());
  EXPECT_TRUE(plain->find_route("auto")->policy->state(0, {}).healthy) << "nobody watches it any more";
}

TEST_F(RuntimeTest, ARouteKeepsItsDateWhileItsTargetsStay) {
  const std::string models = "models: [ { name: a, tool: arithmetic }, { name: b, tool: dates } ]\n";
  const RuntimePtr first =
      made(models + "routes: [ { name: stays, targets: [a] }, { name: grows, targets: [a] } ]\n", nullptr, 1000);
  EXPECT_EQ(first->find_route("stays")->created_unix_s, 1000);
  EXPECT_EQ(first->find_route("b")->created_unix_s, 1000) << "a target by its own name has a date, too";
  const RuntimePtr next = made(models +
                                   "routes: [ { name: stays, targets: [a] }, { name: grows, targets: [a, b] }, { name: "
                                   "new, targets: [b] } ]\n",
                               first.get(), 2000);
  EXPECT_EQ(next->find_route("stays")->created_unix_s, 1000);
  EXPECT_EQ(next->find_route("grows")->created_unix_s, 2000);
  EXPECT_EQ(next->find_route("new")->created_unix_s, 2000);
  auto text = parse_config("version: 1\n" + models + "routes: [ { name: r, targets: [a] } ]\n", "no-such-file.yaml");
  EXPECT_EQ(Runtime::make(*std::move(text), 1, folder_).value()->find_route("r")->created_unix_s, 0);
}

}  // namespace
}  // namespace thalamus::gateway

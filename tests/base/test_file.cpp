#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "thalamus/base/file.h"
#include "thalamus/base/log.h"

namespace thalamus::base {
namespace {

namespace fs = std::filesystem;

class File : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("thalamus_file_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  fs::path folder_;
};

TEST_F(File, ReadsBackWhatWasWritten) {
  std::string bytes(200'000, 'x');
  bytes[100] = '\0';
  ASSERT_TRUE(write_file_atomic(folder_ / "a", bytes).has_value());
  EXPECT_EQ(read_file(folder_ / "a").value(), bytes);
  ASSERT_TRUE(write_file_atomic(folder_ / "empty", "").has_value());
  EXPECT_EQ(read_file(folder_ / "empty").value(), "");
}

TEST_F(File, ReplacesAnOldFileAndLeavesNothingBeside) {
  ASSERT_TRUE(write_file_atomic(folder_ / "a", "old, and longer").has_value());
  ASSERT_TRUE(write_file_atomic(folder_ / "a", "new").has_value());
  EXPECT_EQ(read_file(folder_ / "a").value(), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(File, WritesThroughALinkAndLeavesIt) {
  ASSERT_TRUE(write_file_atomic(folder_ / "real", "old").has_value());
  fs::create_symlink("real", folder_ / "link");
  ASSERT_TRUE(write_file_atomic(folder_ / "link", "new").has_value());
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "real").value(), "new");
  EXPECT_EQ(entries(), 2U);
}

TEST_F(File, NeverReplacesWhatIsNoPlainFile) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::string read;
  std::thread reader([&] {
    std::ifstream in(pipe);
    read.assign(std::istreambuf_iterator<char>(in), {});
  });
  EXPECT_TRUE(write_file_atomic(pipe, "through the pipe").has_value());
  reader.join();
  EXPECT_EQ(read, "through the pipe");
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(entries(), 1U);
  // A device that is full says so, and stays a device.
  fs::create_symlink("/dev/full", folder_ / "full");
  const Status full = write_file_atomic(folder_ / "full", "x");
  EXPECT_FALSE(full.has_value());
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(File, KeepsTheOldFileAndNoRestWhenItCannotBeReplaced) {
  fs::create_directories(folder_ / "a" / "inside");  // a folder with content is not renamed over
  const Status status = write_file_atomic(folder_ / "a", "new");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kEnvironment);
  EXPECT_EQ(status.error().where, (folder_ / "a").string());
  EXPECT_TRUE(fs::is_directory(folder_ / "a"));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(File, NamesThePathOfAMissingFile) {
  const auto read = read_file(folder_ / "nothing");
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(read.error().where, (folder_ / "nothing").string());
  EXPECT_EQ(read.error().message, "cannot open: No such file or directory");
  EXPECT_EQ(write_file_atomic(folder_ / "no" / "file", "x").error().kind, ErrorKind::kNotFound);
}

TEST_F(File, RefusesAFileThatIsLargerThanTheLimit) {
  ASSERT_TRUE(write_file_atomic(folder_ / "a", "12345").has_value());
  EXPECT_TRUE(read_file(folder_ / "a", 5).has_value());
  EXPECT_EQ(read_file(folder_ / "a", 4).error().kind, ErrorKind::kTooLarge);
}

TEST_F(File, RefusesToReadAFolder) { EXPECT_EQ(read_file(folder_).error().kind, ErrorKind::kEnvironment); }

TEST_F(File, FollowsTheXdgFolders) {
  ::setenv("XDG_STATE_HOME", folder_.c_str(), 1);
  EXPECT_EQ(state_folder().value(), folder_ / "thalamus");
  EXPECT_EQ(fs::status(folder_ / "thalamus").permissions(), fs::perms::owner_all);
  ::setenv("XDG_CACHE_HOME", "relative", 1);  // the specification says to ignore it
  ::setenv("HOME", folder_.c_str(), 1);
  EXPECT_EQ(cache_folder().value(), folder_ / ".cache" / "thalamus");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  const auto none = cache_folder();
  ASSERT_FALSE(none.has_value());
  EXPECT_NE(none.error().message.find("XDG_CACHE_HOME"), std::string::npos);
}

TEST_F(File, LogWritesItsLinesAndEndsThem) {
  const fs::path path = folder_ / "log";
  log_start(LogLevel::kInfo, path.string());
  log_info("listening on port {}", 8080);
  log_warning("slow {}", "target");
  log_line(LogLevel::kDebug, "not wanted");
  log_error("ended");
  log_stop();
  const std::string text = read_file(path).value();
  EXPECT_NE(text.find("info listening on port 8080\n"), std::string::npos);
  EXPECT_NE(text.find("warning slow target\n"), std::string::npos);
  EXPECT_NE(text.find("error ended\n"), std::string::npos);
  EXPECT_EQ(text.find("not wanted"), std::string::npos);
  EXPECT_EQ(text.find('T'), 10U);  // an ISO 8601 instant opens the line
  EXPECT_EQ(log_dropped(), 0U);
}

}  // namespace
}  // namespace thalamus::base

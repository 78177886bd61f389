/// Decision records on disk: order, rotation, retention, repair, crashes, a full disk, many writers.
#include "thalamus/trace/record_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/trace/folder.h"
#include "tests/trace/turns.h"
#include "thalamus/base/file.h"
#include "thalamus/trace/segment.h"

namespace thalamus::trace {
namespace {

using testing::HasSubstr;

std::unique_ptr<RecordLog> open_log(const std::filesystem::path& folder, RecordLogOptions options = {}) {
  options.folder = folder;
  auto log = RecordLog::open(options);
  EXPECT_TRUE(log) << log.error().text();
  return log ? std::move(*log) : nullptr;
}

std::vector<std::string> ids_of(const std::filesystem::path& folder, std::string* torn = nullptr) {
  std::vector<std::string> ids;
  const Status status = read_records(
      folder,
      [&ids](const core::Turn& turn) {
        ids.push_back(turn.decision_id);
        return true;
      },
      torn);
  EXPECT_TRUE(status) << status.error().text();
  return ids;
}

std::vector<std::string> numbers(std::uint64_t from, std::uint64_t to) {
  std::vector<std::string> texts;
  for (std::uint64_t i = from; i < to; ++i) texts.push_back(std::to_string(i));
  return texts;
}

void append_numbers(RecordLog& log, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t i = from; i < to; ++i) ASSERT_TRUE(log.append(numbered_turn(i)));
}

/// A folder with `count` records in one segment; the segment's bytes.
std::string write_segment(const std::filesystem::path& folder, std::uint64_t count) {
  {
    const auto log = open_log(folder);
    append_numbers(*log, 0, count);
  }
  return base::read_file(folder / segment_name(1)).value();
}

void put_segment(const std::filesystem::path& folder, std::string_view bytes, std::uint64_t number = 1) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / segment_name(number), std::ios::binary | std::ios::trunc) << bytes;
}

TEST(RecordLog, ReadsBackWhatWasAppendedInOrderAcrossReopening) {
  const Folder folder;
  for (std::uint64_t round = 0; round < 3; ++round) {
    const auto log = open_log(folder / "trace");
    EXPECT_EQ(log->repaired(), "");
    append_numbers(*log, round * 100, (round + 1) * 100);
    log->flush();
    EXPECT_EQ(log->counts().written, 100U);
    EXPECT_EQ(log->counts().dropped, 0U);
    EXPECT_EQ(log->counts().last_error, "");
  }
  std::string torn;
  EXPECT_EQ(ids_of(folder / "trace", &torn), numbers(0, 300));
  EXPECT_EQ(torn, "");
  EXPECT_EQ(list_segments(folder / "trace").value(), (std::vector<std::uint64_t>{1}));
}

TEST(RecordLog, ShowsARecordToReadersAsSoonAsItIsFlushed) {
  const Folder folder;
  const auto log = open_log(folder.path());
  append_numbers(*log, 0, 1);
  log->flush();
  EXPECT_EQ(ids_of(folder.path()), numbers(0, 1));
}

TEST(RecordLog, StopsReadingWhenTheVisitorHasEnough) {
  const Folder folder;
  (void)write_segment(folder.path(), 10);
  int seen = 0;
  ASSERT_TRUE(read_records(folder.path(), [&seen](const core::Turn&) { return ++seen < 3; }));
  EXPECT_EQ(seen, 3);
}

TEST(RecordLog, RotatesSegmentsAndKeepsTheNewest) {
  const Folder folder;
  RecordLogOptions options;
  options.segment_bytes_max = 1024;
  options.segments_max = 3;
  {
    const auto log = open_log(folder.path(), options);
    append_numbers(*log, 0, 200);
  }
  const auto segments = list_segments(folder.path()).value();
  ASSERT_EQ(segments.size(), 3U);
  EXPECT_GT(segments.front(), 1U);
  for (const auto number : segments)
    EXPECT_LE(std::filesystem::file_size(folder / segment_name(number)), options.segment_bytes_max);
  const auto ids = ids_of(folder.path());
  ASSERT_FALSE(ids.empty());
  EXPECT_EQ(ids, numbers(200 - ids.size(), 200));
}

TEST(RecordLog, GivesARecordLargerThanASegmentOneOfItsOwn) {
  const Folder folder;
  RecordLogOptions options;
  options.segment_bytes_max = 1024;
  {
    const auto log = open_log(folder.path(), options);
    core::Turn large = numbered_turn(1);
    large.content.assign(5000, 'x');
    append_numbers(*log, 0, 1);
    ASSERT_TRUE(log->append(large));
    append_numbers(*log, 2, 3);
  }
  EXPECT_EQ(ids_of(folder.path()), numbers(0, 3));
  EXPECT_EQ(list_segments(folder.path()).value().size(), 3U);
}

TEST(RecordLog, RepairsATailTornAtAnyByte) {
  const Folder folder;
  const std::string whole = write_segment(folder / "whole", 3);
  std::vector<std::size_t> ends = {kSegmentHeadBytes};
  ASSERT_TRUE(scan_segment(whole, [&](std::string_view payload) -> Result<bool> {
    ends.push_back(ends.back() + kRecordHeadBytes + payload.size());
    return true;
  }));
  ASSERT_EQ(ends.back(), whole.size());
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    const auto place = folder / std::to_string(size);
    put_segment(place, std::string_view(whole).substr(0, size));
    std::size_t good = 0;
    while (good + 1 < ends.size() && ends[good + 1] <= size) ++good;
    const bool clean = size == ends[good];
    std::string torn;
    EXPECT_EQ(ids_of(place, &torn), numbers(0, good)) << size;
    EXPECT_EQ(torn.empty(), clean) << size << torn;
    {
      const auto log = open_log(place);
      EXPECT_EQ(log->repaired().empty(), clean) << size << log->repaired();
      append_numbers(*log, good, good + 1);
    }
    EXPECT_EQ(ids_of(place, &torn), numbers(0, good + 1)) << size;
    EXPECT_EQ(torn, "") << size;
    std::filesystem::remove_all(place);
  }
}

TEST(RecordLog, SaysWhatItCutOff) {
  const Folder folder;
  const std::string whole = write_segment(folder / "whole", 2);
  put_segment(folder / "torn", whole.substr(0, whole.size() - 3));
  const auto log = open_log(folder / "torn");
  const std::size_t record = (whole.size() - kSegmentHeadBytes) / 2;
  EXPECT_EQ(log->repaired(), fmt::format("0000000001.trace: {} bytes of an unfinished record were cut off at offset {}",
                                         record - 3, kSegmentHeadBytes + record));
}

TEST(RecordLog, LosesOnlyTheRecordThatAFlippedByteIsIn) {
  const Folder folder;
  const std::string whole = write_segment(folder / "whole", 3);
  const std::size_t record = (whole.size() - kSegmentHeadBytes) / 3;
  for (std::size_t at = kSegmentHeadBytes; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x40);
    const auto place = folder / "flipped";
    std::filesystem::remove_all(place);
    put_segment(place, flipped);
    auto expected = numbers(0, 3);
    const std::size_t hit = (at - kSegmentHeadBytes) / record;
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(hit));
    std::string torn;
    EXPECT_EQ(ids_of(place, &torn), expected) << at;
    EXPECT_NE(torn, "") << at;
    if (hit == 2) continue;
    // Damage in the middle is no torn tail: nothing is cut away, and new records go to a new segment.
    {
      const auto log = open_log(place);
      EXPECT_THAT(log->repaired(), HasSubstr("were left; a new segment follows"));
      append_numbers(*log, 3, 4);
    }
    expected.push_back("3");
    EXPECT_EQ(ids_of(place), expected) << at;
    EXPECT_EQ(base::read_file(place / segment_name(1)).value(), flipped);
  }
}

TEST(RecordLog, RefusesForeignSegmentsWithTheirName) {
  const Folder folder;
  put_segment(folder.path(), "this is no segment of ours");
  const auto status = read_records(folder.path(), [](const core::Turn&) { return true; });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(status.error().text(),
            (folder / "0000000001.trace").string() + ": is not a segment of decision records (wrong magic)");
  {
    const auto log = open_log(folder.path());
    EXPECT_THAT(log->repaired(), HasSubstr("it was left as it is"));
    append_numbers(*log, 0, 1);
  }
  EXPECT_TRUE(std::filesystem::exists(folder / segment_name(2)));
}

TEST(RecordLog, RefusesANewerMajorVersion) {
  const Folder folder;
  std::string head = segment_head();
  head[8] = 2;
  put_segment(folder.path(), head);
  const auto status = read_records(folder.path(), [](const core::Turn&) { return true; });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(status.error().text(), HasSubstr("has format version 2.0; this build reads 1.x"));
}

TEST(RecordLog, IgnoresFilesThatAreNoSegments) {
  const Folder folder;
  std::ofstream(folder / "notes.txt") << "x";
  std::ofstream(folder / "12.trace") << "x";
  std::ofstream(folder / "00000x0001.trace") << "x";
  EXPECT_TRUE(ids_of(folder.path()).empty());
  const auto missing = read_records(folder / "none", [](const core::Turn&) { return true; });
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
}

TEST(RecordLog, GivesAFolderToOneLogAtATime) {
  const Folder folder;
  const auto first = open_log(folder.path());
  RecordLogOptions options;
  options.folder = folder.path();
  const auto second = RecordLog::open(options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kConflict);
  EXPECT_EQ(
      second.error().text(),
      fmt::format("{}: the trace is in use by process {}; stop it, or give this instance a trace folder of its own",
                  folder.path().string(), ::getpid()));
}

TEST(RecordLog, NamesTheFolderItCannotCreate) {
  const Folder folder;
  std::ofstream(folder / "file") << "x";
  RecordLogOptions options;
  options.folder = folder / "file" / "trace";
  const auto log = RecordLog::open(options);
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().kind, ErrorKind::kEnvironment);
  EXPECT_THAT(log.error().text(), HasSubstr("cannot create the folder"));
  options.folder = folder.path();
  options.segment_bytes_max = 1;
  EXPECT_FALSE(RecordLog::open(options));
}

TEST(RecordLog, KeepsEveryRecordOfManyWriters) {
  const Folder folder;
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kEach = 500;
  RecordLogOptions options;
  options.ring_length_max = kThreads * kEach;
  {
    const auto log = open_log(folder.path(), options);
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&log, t] {
        for (std::uint64_t i = 0; i < kEach; ++i) {
          EXPECT_TRUE(log->append(numbered_turn(t * kEach + i)));
          if (i % 100 == 0) log->flush();
        }
      });
  }
  const auto ids = ids_of(folder.path());
  EXPECT_EQ(ids.size(), kThreads * kEach);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), kThreads * kEach);
  std::vector<std::uint64_t> last(kThreads, 0);
  for (const auto& id : ids) {  // each writer's own order is kept
    const std::uint64_t number = std::stoull(id);
    EXPECT_TRUE(number % kEach == 0 || number > last[number / kEach]);
    last[number / kEach] = number;
  }
}

/// Told by the test; the writer reads it at the same time.
class TestClock final : public base::Clock {
 public:
  void advance(Nanoseconds span) noexcept { now_ += span.value; }
  [[nodiscard]] Nanoseconds now() const noexcept override { return {now_}; }
  [[nodiscard]] std::int64_t unix_ns() const noexcept override { return now_; }

 private:
  std::atomic<std::int64_t> now_{0};
};

constexpr Nanoseconds kForEver = Nanoseconds::from_ms(600'000);

/// What is written without a flush; the time limit is met only where the writer was not woken.
std::uint64_t written_by_itself(const RecordLog& log, std::uint64_t wanted) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (log.counts().written < wanted && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  return log.counts().written;
}

/// A log under load whose writer lingers until it is woken: the clock stands still, so that batches follow each other.
/// It has records 0 and 1.
std::unique_ptr<RecordLog> open_loaded_log(const Folder& folder, const base::Clock& clock, std::size_t ring_length) {
  RecordLogOptions options;
  options.clock = &clock;
  options.linger = kForEver;
  options.ring_length_max = ring_length;
  auto log = open_log(folder.path(), options);
  for (std::uint64_t i = 0; i < 2; ++i) {
    append_numbers(*log, i, i + 1);
    log->flush();
  }
  return log;
}

TEST(RecordLog, WritesTheRecordsOfIdleTrafficAtOnce) {
  const Folder folder;
  TestClock clock;
  RecordLogOptions options;
  options.clock = &clock;
  options.linger = kForEver;
  const auto log = open_log(folder.path(), options);
  for (std::uint64_t i = 0; i < 5; ++i) {
    append_numbers(*log, i, i + 1);
    ASSERT_EQ(written_by_itself(*log, i + 1), i + 1) << "the writer lingers though nothing came for long";
    clock.advance(kForEver + kForEver);
  }
}

TEST(RecordLog, LetsRecordsGatherUnderLoadWithoutWakingItsWriter) {
  const Folder folder;
  const TestClock clock;
  const auto log = open_loaded_log(folder, clock, 1000);
  const RecordLogCounts before = log->counts();
  append_numbers(*log, 2, 400);
  log->flush();
  const RecordLogCounts after = log->counts();
  EXPECT_EQ(after.written, 400U);
  EXPECT_EQ(after.wakes, before.wakes) << "of 398 records";
  EXPECT_LE(after.batches - before.batches, 3U) << "what was left of the flushes before, and this one";
  EXPECT_EQ(ids_of(folder.path()), numbers(0, 400));
}

TEST(RecordLog, WakesTheLingeringWriterWhenTheRingIsHalfFull) {
  const Folder folder;
  const TestClock clock;
  const auto log = open_loaded_log(folder, clock, 64);
  std::uint64_t appended = 2;
  for (int round = 0; round < 4; ++round) {
    append_numbers(*log, appended, appended + 40);
    appended += 40;
    ASSERT_GE(written_by_itself(*log, appended - 31), appended - 31) << "fewer than half of the ring may wait";
  }
  EXPECT_EQ(log->counts().dropped, 0U);
}

TEST(RecordLog, LetsNeitherAFlushNorTheEndWaitForTheLingering) {
  const Folder folder;
  const TestClock clock;
  constexpr std::uint64_t kThreads = 3;
  constexpr std::uint64_t kEach = 60;
  {
    const auto log = open_loaded_log(folder, clock, 1000);
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < kThreads; ++t)
      threads.emplace_back([&log, t] {
        for (std::uint64_t i = 0; i < kEach; ++i) {
          EXPECT_TRUE(log->append(numbered_turn(2 + t * kEach + i)));
          if (i % 4 == 0) log->flush();
        }
      });
  }
  EXPECT_EQ(ids_of(folder.path()).size(), 2 + kThreads * kEach);
}

TEST(RecordLog, CountsWhatItWroteAndWhatItDroppedUnderPressure) {
  const Folder folder;
  RecordLogOptions options;
  options.ring_length_max = 4;
  std::uint64_t accepted = 0;
  constexpr std::uint64_t kTries = 5000;
  {
    const auto log = open_log(folder.path(), options);
    for (std::uint64_t i = 0; i < kTries; ++i) accepted += log->append(numbered_turn(i)) ? 1 : 0;
    log->flush();
    const auto counts = log->counts();
    EXPECT_EQ(counts.written, accepted);
    EXPECT_EQ(counts.dropped, kTries - accepted);
  }
  EXPECT_EQ(ids_of(folder.path()).size(), accepted);
}

/// Runs `body` in a child process; its exit status, or -signal.
template <class Body>
int in_child(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(RecordLog, LosesNoFlushedRecordWhenTheProcessIsKilled) {
  for (int round = 0; round < 5; ++round) {
    const Folder folder;
    const int status = in_child([&] {
      RecordLogOptions options;
      options.folder = folder.path();
      auto log = RecordLog::open(options).value();
      for (std::uint64_t i = 0; i < 200; ++i) (void)log->append(numbered_turn(i));
      log->flush();
      for (std::uint64_t i = 200; i < 400U + static_cast<unsigned>(round) * 50U; ++i)
        (void)log->append(numbered_turn(i));
      ::kill(::getpid(), SIGKILL);
    });
    EXPECT_EQ(status, -SIGKILL);
    const auto before = ids_of(folder.path());
    ASSERT_GE(before.size(), 200U);
    EXPECT_EQ(before, numbers(0, before.size()));
    {
      const auto log = open_log(folder.path());
      append_numbers(*log, before.size(), before.size() + 1);
    }
    EXPECT_EQ(ids_of(folder.path()), numbers(0, before.size() + 1));
  }
}

TEST(RecordLog, HandsRecordsToTheKernelUnderLoadWithoutAFlush) {
  const Folder folder;
  const int status = in_child([&] {
    RecordLogOptions options;
    options.folder = folder.path();
    auto log = RecordLog::open(options).value();
    for (std::uint64_t i = 0; i < 300; ++i) (void)log->append(numbered_turn(i));
    if (written_by_itself(*log, 300) != 300) ::_exit(1);
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(status, -SIGKILL);
  EXPECT_EQ(ids_of(folder.path()), numbers(0, 300));
}

rlim_t file_size_limit(rlim_t soft) {
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = soft;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  return before;
}

TEST(RecordLog, SurvivesARefusingDiskAndWritesEverythingWhenThereIsRoomAgain) {
  const Folder folder;
  const int status = in_child([&] {
    RecordLogOptions options;
    options.folder = folder.path();
    options.ring_length_max = 1000;
    auto log = RecordLog::open(options).value();
    for (std::uint64_t i = 0; i < 10; ++i) (void)log->append(numbered_turn(i));
    log->flush();
    const rlim_t before = file_size_limit(2000);
    for (std::uint64_t i = 10; i < 100; ++i) (void)log->append(numbered_turn(i));
    log->flush();
    const auto failing = log->counts();
    if (failing.write_errors == 0 || failing.last_error.find("File too large") == std::string::npos) ::_exit(1);
    if (failing.dropped != 0 || failing.written == 100) ::_exit(2);
    file_size_limit(before);
    log->flush();
    const auto healed = log->counts();
    if (healed.written != 100 || healed.dropped != 0 || !healed.last_error.empty()) ::_exit(3);
  });
  EXPECT_EQ(status, 0);
  std::string torn;
  EXPECT_EQ(ids_of(folder.path(), &torn), numbers(0, 100));
  EXPECT_EQ(torn, "");
}

TEST(RecordLog, CountsWhatARefusingDiskMadeItDropAtTheEnd) {
  const Folder folder;
  const int status = in_child([&] {
    RecordLogOptions options;
    options.folder = folder.path();
    options.ring_length_max = 8;
    auto log = RecordLog::open(options).value();
    file_size_limit(100);
    std::uint64_t accepted = 0;
    for (std::uint64_t i = 0; i < 2000; ++i) accepted += log->append(numbered_turn(i)) ? 1 : 0;
    log->flush();
    if (log->counts().dropped != 2000 - accepted) ::_exit(1);
    log.reset();  // does not hang
  });
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(ids_of(folder.path()).empty());
}

}  // namespace
}  // namespace thalamus::trace

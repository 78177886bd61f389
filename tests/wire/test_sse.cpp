#include "thalamus/wire/sse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "thalamus/base/rng.h"

namespace thalamus::wire {
namespace {

struct Taken {
  std::vector<std::pair<std::string, std::string>> events;  // of those with data: name and data
  std::string raw;                                          // of all
  std::string rest;
};

void take_all(SseReader& reader, Taken& taken) {
  SseEvent event;
  while (reader.next(event)) {
    if (!event.comment_only) taken.events.emplace_back(event.event, event.data);
    taken.raw += event.raw;
  }
}

Taken read_in(std::string_view stream, const std::vector<std::size_t>& cuts) {
  SseReader reader;
  Taken taken;
  std::size_t at = 0;
  for (const std::size_t cut : cuts) {
    EXPECT_TRUE(reader.feed(stream.substr(at, cut - at)));
    take_all(reader, taken);
    at = cut;
  }
  EXPECT_TRUE(reader.feed(stream.substr(at)));
  take_all(reader, taken);
  taken.rest = reader.rest();
  return taken;
}

const std::vector<std::string>& streams() {
  static const std::vector<std::string> all{
      "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\ndata: "
      "{\"choices\":[{\"delta\":{\"content\":\"Gr\xc3\xbc\xc3\x9f"
      "e\"}}]}\n\ndata: [DONE]\n\n",
      "\xef\xbb\xbf: open\r\n\r\ndata: a\r\ndata: b\r\n\r\nevent: error\r\ndata: {}\r\n\r\n: ping\r\n\r\ndata: "
      "[DONE]\r\n\r\n",
      "data: old mac\rdata: lines\r\revent: x\rdata\r\rid: 7\rretry: 10\rdata:no space\r\r",
      "\n\n: keep-alive\n\nevent: ping\n\ndata:  two spaces\n\nfield: ignored\ndata: a:b:c\ndata:\n\n",
      "data: mixed\r\n\ndata: ends\n\r\n\r\r\ndata: here\r\n\r\n"};
  return all;
}

TEST(Sse, JoinsDataLinesWithANewline) {
  const Taken taken = read_in("data: a\ndata:b\ndata\n\n", {});
  ASSERT_EQ(taken.events.size(), 1U);
  EXPECT_EQ(taken.events[0].second, "a\nb\n");
}

TEST(Sse, ReadsNamesCommentsAndTheByteOrderMark) {
  const Taken taken = read_in(streams()[1], {});
  const std::vector<std::pair<std::string, std::string>> expected{{"", "a\nb"}, {"error", "{}"}, {"", "[DONE]"}};
  EXPECT_EQ(taken.events, expected);
  EXPECT_EQ(taken.raw, streams()[1]);
}

TEST(Sse, ReadsCarriageReturnsAlone) {
  const Taken taken = read_in(streams()[2], {});
  const std::vector<std::pair<std::string, std::string>> expected{{"", "old mac\nlines"}, {"x", ""}, {"", "no space"}};
  EXPECT_EQ(taken.events, expected);
}

TEST(Sse, SkipsBlocksWithoutDataAndUnknownFields) {
  const Taken taken = read_in(streams()[3], {});
  const std::vector<std::pair<std::string, std::string>> expected{{"", " two spaces"}, {"", "a:b:c\n"}};
  EXPECT_EQ(taken.events, expected);
}

TEST(Sse, GivesTheSameEventsWhereverTheBytesAreCut) {
  for (const std::string& stream : streams()) {
    const Taken whole = read_in(stream, {});
    EXPECT_EQ(whole.raw, stream);
    EXPECT_EQ(whole.rest, "");
    for (std::size_t first = 0; first <= stream.size(); ++first) {
      const Taken cut = read_in(stream, {first});
      ASSERT_EQ(cut.events, whole.events) << first;
      // The line feed after a cut carriage return at the very end belongs to no event.
      ASSERT_TRUE(cut.raw == stream || cut.raw + "\n" == stream) << first;
      ASSERT_EQ(cut.rest, "") << first;
    }
    std::vector<std::size_t> every;
    for (std::size_t i = 1; i < stream.size(); ++i) every.push_back(i);
    const Taken bytes = read_in(stream, every);
    ASSERT_EQ(bytes.events, whole.events);
    ASSERT_TRUE(bytes.raw == stream || bytes.raw + "\n" == stream);
  }
}

TEST(Sse, GivesTheSameEventsForEveryPairOfCutsAndForRandomStreams) {
  for (const std::string& stream : streams()) {
    const Taken whole = read_in(stream, {});
    for (std::size_t i = 0; i < stream.size(); i += 3)
      for (std::size_t j = i; j < stream.size(); j += 2) ASSERT_EQ(read_in(stream, {i, j}).events, whole.events);
  }
  constexpr std::uint64_t kSeed = 77;
  SCOPED_TRACE(kSeed);
  base::Rng rng(kSeed);
  static constexpr std::array<std::string_view, 9> kPieces{"data: x", "data", ":c",   "event: e", "\n",
                                                           "\r",      "\r\n", "\n\n", "y"};
  for (int k = 0; k < 300; ++k) {
    std::string stream;
    for (int i = 0; i < 30; ++i) stream += rng.pick(kPieces);
    const Taken whole = read_in(stream, {});
    ASSERT_EQ(whole.raw + whole.rest, stream);
    std::vector<std::size_t> every;
    for (std::size_t i = 1; i < stream.size(); ++i) every.push_back(i);
    ASSERT_EQ(read_in(stream, every).events, whole.events) << testing::PrintToString(stream);
  }
}

TEST(Sse, GivesAnEventAsSoonAsItsBlankLineIsThere) {
  SseReader reader;
  SseEvent event;
  ASSERT_TRUE(reader.feed("data: a\r\n\r"));
  ASSERT_TRUE(reader.next(event));
  EXPECT_EQ(event.data, "a");
  ASSERT_TRUE(reader.feed("\n"));
  EXPECT_FALSE(reader.next(event));
  EXPECT_EQ(reader.rest(), "");
}

TEST(Sse, KeepsTheUnfinishedRest) {
  SseReader reader;
  SseEvent event;
  ASSERT_TRUE(reader.feed("data: a\n\ndata: [DO"));
  ASSERT_TRUE(reader.next(event));
  EXPECT_FALSE(reader.next(event));
  EXPECT_EQ(reader.rest(), "data: [DO");
}

TEST(Sse, RefusesAnEventPastTheLimitButGivesThoseBefore) {
  SseReader reader(16);
  SseEvent event;
  ASSERT_TRUE(reader.feed("data: 23456789\n\n"));
  ASSERT_TRUE(reader.next(event));
  const Status status = reader.feed("data: ok\n\ndata: 0123456789a");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(status.error().message, "an event of the stream is longer than 16 bytes");
  EXPECT_TRUE(reader.next(event));
  EXPECT_EQ(event.data, "ok");
  EXPECT_FALSE(reader.feed("\n\n"));
  EXPECT_FALSE(reader.next(event));
}

TEST(Sse, KeepsItsPlaceThroughCompaction) {
  SseReader reader;
  SseEvent event;
  const std::string payload(3000, 'x');
  std::string stream;
  for (int i = 0; i < 40; ++i) append_sse_event(stream, "", payload + std::to_string(i));
  int seen = 0;
  for (std::size_t at = 0; at < stream.size(); at += 4099) {
    ASSERT_TRUE(reader.feed(std::string_view(stream).substr(at, 4099)));
    while (reader.next(event)) ASSERT_EQ(event.data, payload + std::to_string(seen++));
  }
  EXPECT_EQ(seen, 40);
}

TEST(Sse, ReadsBackWhatItWrites) {
  for (const char* data : {"", "a", "a\nb", "a\n", "\n", "{\"a\":1}"}) {
    std::string out;
    append_sse_event(out, "name", data);
    const Taken taken = read_in(out, {});
    ASSERT_EQ(taken.events.size(), 1U);
    EXPECT_EQ(taken.events[0].first, "name");
    EXPECT_EQ(taken.events[0].second, data);
  }
  std::string out;
  append_sse_event(out, "", "a\r\nb\rc");
  EXPECT_EQ(out, "data: a\ndata: b\ndata: c\n\n");
}

}  // namespace
}  // namespace thalamus::wire

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "thalamus/base/rng.h"
#include "thalamus/eval/csv.h"

namespace thalamus::eval {
namespace {

using Records = std::vector<std::vector<std::string>>;
using testing::HasSubstr;

Result<Records> read_all(std::string_view bytes, const CsvLimits& limits = {}) {
  TRY(auto reader, CsvReader::from_bytes(bytes, limits));
  Records records;
  std::vector<std::string> fields;
  for (;;) {
    TRY(const bool more, reader.next(fields));
    if (!more) return records;
    records.push_back(fields);
  }
}

TEST(Csv, ReadsWhatRfc4180Allows) {
  EXPECT_EQ(read_all("a,b\r\nc,\"d\"\r\n").value(), (Records{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(read_all("a,\"b,c\",\"say \"\"x\"\"\"\n").value(), (Records{{"a", "b,c", "say \"x\""}}));
  EXPECT_EQ(read_all("a,\"two\nlines\n\"\n\nb,").value(), (Records{{"a", "two\nlines\n"}, {"b", ""}}));
  EXPECT_EQ(read_all("\"\",\"\"").value(), (Records{{"", ""}}));
  EXPECT_EQ(read_all("\xef\xbb\xbf"
                     "x\n")
                .value(),
            (Records{{"x"}}));
  EXPECT_TRUE(read_all("").value().empty());
}

TEST(Csv, SaysWhereARecordBegan) {
  auto reader = CsvReader::from_bytes("h\n\"a\nb\"\n\nc\n").value();
  std::vector<std::string> fields;
  std::vector<std::uint64_t> lines;
  while (reader.next(fields).value()) lines.push_back(reader.line_number());
  EXPECT_EQ(lines, (std::vector<std::uint64_t>{1, 2, 5}));
}

TEST(Csv, RefusesWhatCannotBeRead) {
  EXPECT_THAT(read_all("a,\"open\nforever").error().message, HasSubstr("not closed"));
  EXPECT_THAT(read_all("\"a\"b,c").error().message, HasSubstr("behind the closing quote"));
  EXPECT_THAT(read_all("a\"b,c").error().message, HasSubstr("a quote inside"));
  EXPECT_EQ(read_all("a,b,c", {.fields_max = 2}).error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(read_all("\"" + std::string(100, 'x') + "\n" + std::string(100, 'x') + "\"", {.record_bytes_max = 150})
                .error()
                .kind,
            ErrorKind::kTooLarge);
}

TEST(Csv, WhatWasWrittenReadsBackEqual) {
  constexpr std::uint64_t kSeed = 17;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Rng rng(kSeed);
  const std::string alphabet = "ab,\"\n\r '\xc3\xa4";
  for (int round = 0; round < 300; ++round) {
    Records records(1 + rng.below(4));
    std::string text;
    const std::size_t columns = 1 + rng.below(4);
    for (auto& record : records) {
      for (std::size_t c = 0; c < columns; ++c) {
        std::string field;
        for (std::size_t i = rng.below(8); i > 0; --i) field.push_back(rng.pick(alphabet));
        if (c > 0) text.push_back(',');
        append_csv_field(text, field);
        record.push_back(std::move(field));
      }
      text += rng.below(2) == 0 ? "\n" : "\r\n";
    }
    const auto back = read_all(text);
    ASSERT_TRUE(back.has_value()) << back.error().text() << "\n" << text;
    EXPECT_EQ(*back, records) << text;
  }
}

}  // namespace
}  // namespace thalamus::eval

/// From decision records to an outcome table.
#include "thalamus/trace/export.h"

#include <gtest/gtest.h>

#include "tests/trace/folder.h"
#include "thalamus/trace/record_log.h"

namespace thalamus::trace {
namespace {

core::Turn answered(std::uint64_t prompt, std::uint16_t target, double seconds) {
  core::Turn turn;
  turn.decision_id = "d";
  turn.route = "auto";
  turn.targets = {"small", "large"};
  turn.prompt_hash = prompt;
  turn.outcome.answered_by = target;
  turn.outcome.total = Nanoseconds::from_seconds(seconds);
  turn.outcome.cost = NanoDollars{2000};
  turn.outcome.usage = {10, 0, 5, 0, true};
  return turn;
}

TEST(Export, JoinsRecordsOfOnePromptIntoOneRow) {
  TurnExporter exporter;
  core::Turn first = answered(0xabc, 0, 1);
  first.outcome.quality = 1;
  first.content = R"({"model":"auto","messages":[{"role":"user","content":"two?"}],"tools":[{"type":"function"}]})";
  exporter.add(first);
  core::Turn again = answered(0xabc, 0, 3);
  again.outcome.quality = 0;
  exporter.add(again);
  exporter.add(answered(0xabc, 1, 4));
  exporter.add(answered(0xdef, 1, 5));
  core::Turn failed = answered(0xabc, 1, 9);
  failed.outcome.failure = ErrorKind::kTimeout;
  exporter.add(failed);
  const auto table = exporter.finish();
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->models, (std::vector<std::string>{"small", "large"}));
  ASSERT_EQ(table->rows.size(), 2U);
  const Row& row = table->rows[0];
  EXPECT_EQ(row.id, "0000000000000abc");
  EXPECT_EQ(row.task, "auto");
  EXPECT_EQ(row.prompt, "two?");
  EXPECT_EQ(row.tools, R"([{"type":"function"}])");
  EXPECT_DOUBLE_EQ(row.cells[0].quality, 0.5);
  EXPECT_DOUBLE_EQ(row.cells[0].seconds, 2);
  EXPECT_DOUBLE_EQ(row.cells[0].cost_usd, 2e-6);
  EXPECT_DOUBLE_EQ(row.cells[0].output_tokens, 5);
  EXPECT_FALSE(row.cells[1].recorded());
  EXPECT_DOUBLE_EQ(row.cells[1].seconds, 4);
  EXPECT_EQ(exporter.counts().records, 5U);
  EXPECT_EQ(exporter.counts().unanswered, 1U);
  EXPECT_EQ(exporter.counts().without_content, 1U);
}

TEST(Export, CountsContentThatIsNoChatRequest) {
  TurnExporter exporter;
  core::Turn turn = answered(1, 0, 1);
  turn.content = "{\"messages\":7}";
  exporter.add(turn);
  ASSERT_TRUE(exporter.finish());
  EXPECT_EQ(exporter.counts().unreadable_content, 1U);
}

TEST(Export, WritesATableThatReadsBack) {
  const Folder folder;
  {
    RecordLogOptions options;
    options.folder = folder / "trace";
    const auto log = RecordLog::open(options).value();
    for (std::uint64_t i = 1; i <= 20; ++i) ASSERT_TRUE(log->append(answered(i % 7 + 1, i % 2, 1)));
  }
  ExportCounts counts;
  const auto table = export_turns(folder / "trace", &counts);
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(counts.records, 20U);
  EXPECT_EQ(counts.torn, "");
  ASSERT_TRUE(write_outcome_table(*table, folder / "t.jsonl.zst"));
  const auto back = read_outcome_table(folder / "t.jsonl.zst");
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->rows.size(), 7U);
  EXPECT_EQ(back->content_hash, table->content_hash);
}

TEST(Export, SaysThatNothingWasAnswered) {
  TurnExporter exporter;
  exporter.add(core::Turn{});
  const auto table = exporter.finish();
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().text(), "none of 1 records holds an answer; there is nothing to export");
}

}  // namespace
}  // namespace thalamus::trace

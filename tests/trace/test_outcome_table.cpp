/// Outcome tables: what is read, what is refused and how it is said, and that what is written reads back equal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include "tests/trace/folder.h"
#include "thalamus/base/rng.h"
#include "thalamus/trace/line_source.h"
#include "thalamus/trace/outcome_table.h"

namespace thalamus::trace {
namespace {

using testing::HasSubstr;

std::string refusal(std::string_view text, const TableLimits& limits = {}) {
  const auto table = parse_outcome_table(text, "t.jsonl", limits);
  return table ? "accepted" : table.error().text();
}

std::string row_with(const std::string& fields) {
  return R"({"id":"a","prompt":"p","outcomes":{"m":{"quality":1}},)" + fields + "}";
}
std::string cell_with(const std::string& fields) {
  return R"({"id":"a","prompt":"p","outcomes":{"m":{)" + fields + "}}}";
}

std::uint64_t bits(double x) { return std::isnan(x) ? 1 : std::bit_cast<std::uint64_t>(x); }

void expect_same(const OutcomeTable& a, const OutcomeTable& b) {
  ASSERT_EQ(a.models, b.models);
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    const Row& x = a.rows[i];
    const Row& y = b.rows[i];
    EXPECT_EQ(x.id, y.id);
    EXPECT_EQ(x.task, y.task);
    EXPECT_EQ(x.messages, y.messages);
    EXPECT_EQ(x.prompt, y.prompt);
    EXPECT_EQ(x.tools, y.tools);
    EXPECT_EQ(x.contaminated, y.contaminated);
    ASSERT_EQ(x.cells.size(), y.cells.size());
    for (std::size_t m = 0; m < x.cells.size(); ++m) {
      EXPECT_EQ(bits(x.cells[m].quality), bits(y.cells[m].quality));
      EXPECT_EQ(bits(x.cells[m].cost_usd), bits(y.cells[m].cost_usd));
      EXPECT_EQ(bits(x.cells[m].input_tokens), bits(y.cells[m].input_tokens));
      EXPECT_EQ(bits(x.cells[m].output_tokens), bits(y.cells[m].output_tokens));
      EXPECT_EQ(bits(x.cells[m].seconds), bits(y.cells[m].seconds));
      EXPECT_EQ(x.cells[m].answer_hash, y.cells[m].answer_hash);
    }
  }
}

TEST(OutcomeTable, ReadsEveryDocumentedField) {
  const auto table = parse_outcome_table(
      R"({"id":"q/1","task":"math","subtask":"algebra","prompt":"2+2?","contaminated":true,"tools":[{"name":"f"}],)"
      R"("outcomes":{"big":{"quality":1.0,"cost":0.0031,"input_tokens":64,"output_tokens":82,"latency_s":1.5,)"
      R"("answer_hash":"beef","raw_score":0.9},"small":null}})"
      "\n",
      "t.jsonl");
  ASSERT_TRUE(table) << table.error().text();
  ASSERT_EQ(table->models, (std::vector<std::string>{"big", "small"}));
  const Row& row = table->rows.at(0);
  EXPECT_EQ(row.id, "q/1");
  EXPECT_EQ(row.task, "math/algebra");
  EXPECT_EQ(row.prompt, "2+2?");
  EXPECT_EQ(row.messages, R"([{"role":"user","content":"2+2?"}])");
  EXPECT_EQ(row.tools, R"([{"name":"f"}])");
  EXPECT_TRUE(row.contaminated);
  EXPECT_DOUBLE_EQ(row.cells[0].quality, 1);
  EXPECT_DOUBLE_EQ(row.cells[0].cost_usd, 0.0031);
  EXPECT_DOUBLE_EQ(row.cells[0].input_tokens, 64);
  EXPECT_DOUBLE_EQ(row.cells[0].output_tokens, 82);
  EXPECT_DOUBLE_EQ(row.cells[0].seconds, 1.5);
  EXPECT_EQ(row.cells[0].answer_hash, "beef");
  EXPECT_TRUE(row.cells[0].recorded());
  EXPECT_FALSE(row.cells[1].recorded());
}

TEST(OutcomeTable, JoinsTheTextOfMessagesWithNewlines) {
  const auto table = parse_outcome_table(
      R"({"id":"a","messages":[{"role":"system","content":"be brief"},)"
      R"({"role":"user","content":[{"type":"text","text":"one"},{"type":"image_url","image_url":{"url":"x"}},)"
      R"({"type":"text","text":"two"}]},{"role":"assistant","content":null,"tool_calls":[]}],)"
      R"("outcomes":{"m":{"quality":0.5}}})",
      "t");
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->rows[0].prompt, "be brief\none\ntwo");
  EXPECT_TRUE(table->rows[0].messages.starts_with(R"([{"role":"system")"));
}

TEST(OutcomeTable, PrefersMessagesWhereARowHasAPromptToo) {
  const auto table = parse_outcome_table(row_with(R"("messages":[{"role":"user","content":"q"}])"), "t");
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->rows[0].prompt, "q");
}

TEST(OutcomeTable, OrdersModelsByFirstAppearanceAndFillsMissingCells) {
  const auto table = parse_outcome_table(
      "{\"id\":\"a\",\"prompt\":\"p\",\"outcomes\":{\"z\":{\"quality\":1}}}\n\n"
      "{\"id\":\"b\",\"prompt\":\"p\",\"outcomes\":{\"a\":{\"quality\":0},\"z\":{\"quality\":null,\"cost\":2}}}\r\n",
      "t");
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->models, (std::vector<std::string>{"z", "a"}));
  EXPECT_EQ(table->skipped_rows, 1U);
  ASSERT_EQ(table->rows[0].cells.size(), 2U);
  EXPECT_FALSE(table->rows[0].cells[1].recorded());
  EXPECT_FALSE(table->rows[1].cells[0].recorded());
  EXPECT_DOUBLE_EQ(table->rows[1].cells[0].cost_usd, 2);
}

TEST(OutcomeTable, WrapsABareFunctionSchemaAsTheOnlyTool) {
  const auto table = parse_outcome_table(row_with(R"("tools":{"name":"f","parameters":{"type":"dict"}})"), "t");
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->rows[0].tools, R"([{"name":"f","parameters":{"type":"dict"}}])");
}

TEST(OutcomeTable, KeepsTheDigitsOfAnIntegerIdAndIgnoresAByteOrderMark) {
  const auto table =
      parse_outcome_table("\xef\xbb\xbf{\"id\":17,\"prompt\":\"\",\"outcomes\":{\"m\":{\"quality\":1}}}", "t");
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->rows[0].id, "17");
}

struct Bad {
  std::string text;
  std::string message;
};

TEST(OutcomeTable, RefusesBadRowsWithFileLineAndField) {
  const std::vector<Bad> cases = {
      {"[1]", "t.jsonl:1: expected a JSON object on each line, got something else"},
      {"nonsense", "t.jsonl:1: "},
      {R"({"id":"a","prompt":"p","outcomes":{"m":{"quality":1}})", "t.jsonl:1: malformed JSON"},
      {row_with(R"("x":tru)"), "t.jsonl:1: malformed JSON"},
      {row_with(R"("x":[1,2,)"), "t.jsonl:1: malformed JSON"},
      {row_with(R"("x":01)"), "t.jsonl:1: malformed JSON: '01' is not a number"},
      {row_with(R"("x":{"y":[1 2]})"), "t.jsonl:1: malformed JSON"},
      {row_with("\"x\":\"\x80\""), "t.jsonl:1: malformed JSON: The input is not valid UTF-8"},
      {row_with(R"("x":"\q")"), "t.jsonl:1: malformed JSON: Problem while parsing a string"},
      {R"({"id":"a","prompt":"p","outcomes":{"m":{"quality":1}}} 7)", "t.jsonl:1: malformed JSON"},
      {R"({"prompt":"p","outcomes":{"m":{"quality":1}}})",
       "t.jsonl:1: field 'id' is missing; each row needs a unique id"},
      {R"({"id":"","prompt":"p","outcomes":{"m":{"quality":1}}})", "t.jsonl:1: field 'id': expected a name, got \"\""},
      {R"({"id":1.5,"prompt":"p","outcomes":{}})", "field 'id': expected a string or an integer, got 1.5"},
      {R"({"id":null,"prompt":"p","outcomes":{}})", "field 'id': expected a string or an integer, got null"},
      {R"({"id":"a","outcomes":{"m":{"quality":1}}})", "fields 'prompt' and 'messages' are both missing"},
      {R"({"id":"a","prompt":7,"outcomes":{}})", "field 'prompt': expected a string, got 7"},
      {R"({"id":"a","prompt":["p"],"outcomes":{}})", "field 'prompt': expected a string, got an array"},
      {R"({"id":"a","prompt":"p"})", "field 'outcomes' is missing"},
      {R"({"id":"a","prompt":"p","outcomes":[]})", "field 'outcomes': expected an object, got an array"},
      {R"({"id":"a","prompt":"p","outcomes":{}})", "t.jsonl: field 'outcomes' is empty on every row"},
      {R"({"id":"a","prompt":"p","outcomes":{"m":3}})", "field 'outcomes.m': expected an object or null, got 3"},
      {R"({"id":"a","prompt":"p","outcomes":{"":{"quality":1}}})", "a model has an empty name"},
      {R"({"id":"a","prompt":"p","outcomes":{"m":null,"m":null}})", "field 'outcomes.m' is given twice"},
      {R"({"id":"a","id":"b","prompt":"p","outcomes":{}})", "field 'id' is given twice"},
      {cell_with(R"("quality":1.5)"), "t.jsonl:1: field 'outcomes.m.quality': expected a number from 0 to 1, got 1.5"},
      {cell_with(R"("quality":-0.1)"), "field 'outcomes.m.quality': expected a number from 0 to 1, got -0.1"},
      {cell_with(R"("quality":true)"), "field 'outcomes.m.quality': expected a number from 0 to 1, got true"},
      {cell_with(R"("quality":"1")"), "field 'outcomes.m.quality': expected a number from 0 to 1, got \"1\""},
      {cell_with(R"("quality":NaN)"), "field 'outcomes.m.quality': expected a number from 0 to 1, got 'NaN'"},
      {cell_with(R"("quality":Infinity)"), "field 'outcomes.m.quality'"},
      {cell_with(R"("quality":nul)"), "malformed JSON"},
      {cell_with(R"("cost":-1)"), "field 'outcomes.m.cost': expected a number of at least 0, got -1"},
      {cell_with(R"("cost":1e999)"), "which no finite number can hold"},
      {cell_with(R"("cost":[1])"), "field 'outcomes.m.cost': expected a number of at least 0, got an array"},
      {cell_with(R"("input_tokens":-3)"), "field 'outcomes.m.input_tokens': expected a number of at least 0, got -3"},
      {cell_with(R"("output_tokens":"9")"), "field 'outcomes.m.output_tokens': expected a number"},
      {cell_with(R"("latency_s":-0.5)"), "field 'outcomes.m.latency_s': expected a number of at least 0, got -0.5"},
      {cell_with(R"("answer_hash":5)"), "field 'outcomes.m.answer_hash': expected a string, got 5"},
      {cell_with(R"("quality":1,"quality":0)"), "field 'outcomes.m.quality' is given twice"},
      {row_with(R"("task":5)"), "field 'task': expected a string, got 5"},
      {row_with(R"("subtask":{})"), "field 'subtask': expected a string, got an object"},
      {row_with(R"("contaminated":1)"), "field 'contaminated': expected true or false, got 1"},
      {row_with(R"("tools":"f")"), "field 'tools': expected an array of objects, got \"f\""},
      {row_with(R"("tools":[7])"), "field 'tools[0]': expected an object, got 7"},
      {row_with(R"("tools":[{"a":tru}])"), "malformed JSON"},
      {row_with(R"("messages":"hi")"), "field 'messages': expected an array, got \"hi\""},
      {row_with(R"("messages":[])"), "field 'messages': expected at least one message, got []"},
      {row_with(R"("messages":[5])"), "field 'messages[0]': expected an object, got 5"},
      {row_with(R"("messages":[{"content":"x"}])"), "field 'messages[0].role' is missing"},
      {row_with(R"("messages":[{"role":"robot","content":"x"}])"), "field 'messages[0].role': expected system"},
      {row_with(R"("messages":[{"role":"user","content":5}])"),
       "field 'messages[0].content': expected a string or an array of parts, got 5"},
      {row_with(R"("messages":[{"role":"user","content":[3]}])"),
       "field 'messages[0].content[0]': expected an object, got 3"},
      {row_with(R"("messages":[{"role":"user","content":[{"type":"text","text":4}]}])"),
       "field 'messages[0].content[0].text': expected a string, got 4"},
      {"", "t.jsonl: the file is empty; expected one JSON object a line"},
      {"\n \n", "t.jsonl: no rows: all 2 lines are blank"},
  };
  for (const auto& bad : cases) EXPECT_THAT(refusal(bad.text), HasSubstr(bad.message)) << bad.text;
}

TEST(OutcomeTable, NamesBothLinesOfADuplicateId) {
  const std::string row = cell_with(R"("quality":1)");
  EXPECT_EQ(refusal(row + "\n\n" + row), "t.jsonl:3: field 'id': \"a\" is on line 1 already; ids must be unique");
}

TEST(OutcomeTable, RefusesDeepNestingInsteadOfRecursingWithoutEnd) {
  const std::string deep(5000, '[');
  EXPECT_THAT(refusal(row_with("\"x\":" + deep + std::string(5000, ']'))), HasSubstr("nested deeper than 100 levels"));
  EXPECT_THAT(refusal(row_with("\"tools\":[{\"x\":" + deep + std::string(5000, ']') + "}]")),
              HasSubstr("nested deeper"));
}

TEST(OutcomeTable, HoldsItsLimits) {
  TableLimits limits;
  limits.line_bytes_max = 200;
  EXPECT_EQ(refusal(cell_with(R"("quality":1)") + "\n" + std::string(201, ' '), limits),
            "t.jsonl:2: the line is longer than the limit of 200 bytes");
  limits = {};
  limits.models_max = 2;
  EXPECT_THAT(refusal(R"({"id":"a","prompt":"p","outcomes":{"x":null,"y":null,"z":null}})", limits),
              HasSubstr("more than 2 models"));
  EXPECT_THAT(refusal("{\"id\":\"a\",\"prompt\":\"p\",\"outcomes\":{\"x\":null,\"y\":null}}\n"
                      "{\"id\":\"b\",\"prompt\":\"p\",\"outcomes\":{\"z\":null}}",
                      limits),
              HasSubstr("t.jsonl:2: field 'outcomes': \"z\" is model number 3; the limit is 2"));
  limits = {};
  limits.rows_max = 1;
  EXPECT_THAT(refusal("{\"id\":\"a\",\"prompt\":\"p\",\"outcomes\":{\"x\":null}}\n"
                      "{\"id\":\"b\",\"prompt\":\"p\",\"outcomes\":{\"x\":null}}",
                      limits),
              HasSubstr("t.jsonl:2: more than 1 rows"));
}

TEST(OutcomeTable, ReadsRequestsWithoutOutcomes) {
  const auto requests = parse_requests("{\"id\":\"a\",\"prompt\":\"p\"}\n{\"id\":\"b\",\"prompt\":\"q\"}\n", "r");
  ASSERT_TRUE(requests) << requests.error().text();
  EXPECT_EQ(requests->rows.size(), 2U);
  EXPECT_TRUE(requests->models.empty());
  EXPECT_EQ(encode_row(*requests, requests->rows[0]), R"({"id":"a","prompt":"p"})");
}

TEST(OutcomeTable, ReadsNothingOfARequestButTheRequest) {
  const auto requests = parse_requests(
      R"({"id":"a","task":7,"subtask":[],"contaminated":"x","outcomes":{"m":{"quality":2}},"prompt":"p"})"
      "\n"
      R"({"outcomes":"none","prompt":"q","tools":[{"name":"f"}],"id":"b"})",
      "r");
  ASSERT_TRUE(requests) << requests.error().text();
  EXPECT_TRUE(requests->models.empty());
  EXPECT_EQ(encode_row(*requests, requests->rows.at(0)), R"({"id":"a","prompt":"p"})");
  EXPECT_EQ(encode_row(*requests, requests->rows.at(1)), R"({"id":"b","prompt":"q","tools":[{"name":"f"}]})");
  const auto broken = parse_requests(R"({"id":"a","prompt":"p","outcomes":{"m":}})", "r");
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().text(), HasSubstr("r:1"));
}

OutcomeTable random_table(base::Rng& rng) {
  OutcomeTable table;
  const auto models = 1 + rng.below(5);
  for (std::size_t m = 0; m < models; ++m) table.models.push_back("m/" + std::to_string(m) + "\"\\\n\xc3\xa9");
  const auto rows = 1 + rng.below(8);
  const auto number = [&rng](double scale) {
    switch (rng.below(5)) {
      case 0: return kMissing;
      case 1: return 0.0;
      case 2: return 5e-324 * static_cast<double>(rng.below(9));
      default: return rng.uniform() * scale;
    }
  };
  for (std::size_t i = 0; i < rows; ++i) {
    Row row;
    row.id = std::to_string(i) + "\t\x01";
    if (rng.below(2) == 0) row.task = "t/" + std::to_string(rng.below(3));
    row.prompt = std::string("line\nnext \xf0\x9f\x99\x82 \"") + std::to_string(rng.next());
    if (rng.below(2) == 0) row.tools = R"([{"name":"f","parameters":{"n":123456789012345678901234567890}}])";
    row.contaminated = rng.below(2) == 0;
    for (std::size_t m = 0; m < models; ++m) {
      Cell cell;
      cell.quality = number(1);
      cell.cost_usd = number(1e-3);
      cell.input_tokens = number(1e9);
      cell.output_tokens = number(1e12);
      cell.seconds = number(100);
      if (rng.below(2) == 0) cell.answer_hash = std::to_string(rng.next());
      row.cells.push_back(cell);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

TEST(OutcomeTable, ReadsBackBitForBitWhatItWroteInEveryEncoding) {
  const std::uint64_t seed = 20260101;
  RecordProperty("seed", static_cast<int>(seed));
  base::Rng rng(seed);
  const Folder folder;
  for (int round = 0; round < 30; ++round) {
    const OutcomeTable table = random_table(rng);
    std::uint64_t hash = 0;
    OutcomeTable first;
    for (const char* name : {"t.jsonl", "t.jsonl.gz", "t.jsonl.zst"}) {
      ASSERT_TRUE(write_outcome_table(table, folder / name));
      auto back = read_outcome_table(folder / name);
      ASSERT_TRUE(back) << "seed " << seed << " round " << round << ": " << back.error().text();
      if (hash == 0) hash = back->content_hash;
      EXPECT_EQ(back->content_hash, hash);
      for (Row& row : back->rows) row.messages.clear();  // made from the prompt by the reader
      expect_same(table, *back);
    }
  }
}

TEST(OutcomeTable, KeepsMessagesAsTheyCameThroughARoundTrip) {
  const std::string line =
      R"({"id":"a","messages":[{"role":"user","content":"x","n":1.00,"big":123456789012345678901234567890}],)"
      R"("outcomes":{"m":{"quality":0.25}}})";
  const auto table = parse_outcome_table(line, "t");
  ASSERT_TRUE(table) << table.error().text();
  const auto again = parse_outcome_table(encode_row(*table, table->rows[0]), "t");
  ASSERT_TRUE(again) << again.error().text();
  expect_same(*table, *again);
  EXPECT_THAT(again->rows[0].messages, HasSubstr("1.00,\"big\":123456789012345678901234567890"));
}

TEST(OutcomeTable, ReadsConcatenatedGzipMembersAndZstdFrames) {
  const std::string one = "{\"id\":\"a\",\"prompt\":\"p\",\"outcomes\":{\"x\":null}}\n";
  const std::string two = "{\"id\":\"b\",\"prompt\":\"p\",\"outcomes\":{\"x\":null}}\n";
  const auto gzip = parse_outcome_table(compress_gzip(one).value() + compress_gzip(two).value(), "t");
  ASSERT_TRUE(gzip) << gzip.error().text();
  EXPECT_EQ(gzip->rows.size(), 2U);
  const auto zstd = parse_outcome_table(compress_zstd(one).value() + compress_zstd(two).value(), "t");
  ASSERT_TRUE(zstd) << zstd.error().text();
  EXPECT_EQ(zstd->rows.size(), 2U);
  EXPECT_EQ(gzip->content_hash, zstd->content_hash);
}

TEST(OutcomeTable, RefusesCompressionCutAtAnyByteAndNeverCrashesOnAFlippedOne) {
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += "{\"id\":\"" + std::to_string(i) + "\",\"prompt\":\"p\",\"outcomes\":{\"x\":{\"quality\":1}}}\n";
  for (const std::string& whole : {compress_gzip(text).value(), compress_zstd(text).value()}) {
    for (std::size_t size = 4; size < whole.size(); ++size) {
      const auto cut = parse_outcome_table(std::string_view(whole).substr(0, size), "t");
      ASSERT_FALSE(cut) << size;
      EXPECT_EQ(cut.error().kind, ErrorKind::kCorrupt) << size << cut.error().text();
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
      (void)parse_outcome_table(flipped, "t");  // gzip's time stamp is not covered by its checksum
    }
  }
}

TEST(OutcomeTable, SaysWhatIsWrongWithAFile) {
  const Folder folder;
  const auto missing = read_outcome_table(folder / "none.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(missing.error().text(), (folder / "none.jsonl").string() + ": cannot open: No such file or directory");
  const auto directory = read_outcome_table(folder.path());
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().text(), HasSubstr("is a folder; expected a file of JSON lines"));
  std::ofstream(folder / "plain.jsonl.gz") << "{\"id\":\"a\"}\n";
  EXPECT_THAT(read_outcome_table(folder / "plain.jsonl.gz").error().text(), HasSubstr("the content is not gzip"));
  std::ofstream(folder / "plain.jsonl.zst") << "{\"id\":\"a\"}\n";
  EXPECT_THAT(read_outcome_table(folder / "plain.jsonl.zst").error().text(), HasSubstr("the content is not zstd"));
  std::ofstream(folder / "empty.jsonl.gz").flush();
  EXPECT_THAT(read_outcome_table(folder / "empty.jsonl.gz").error().text(), HasSubstr("the file is empty"));
  OutcomeTable table;
  EXPECT_FALSE(write_outcome_table(table, folder / "no/such/folder.jsonl"));
}

TEST(OutcomeTable, BoundsMemoryOnACompressedBombOfOneLine) {
  const Folder folder;
  const std::string bomb = compress_gzip(std::string(8U << 20, 'x')).value();
  ASSERT_LT(bomb.size(), 64U << 10);
  TableLimits limits;
  limits.line_bytes_max = 1U << 20;
  const auto table = parse_outcome_table(bomb, "bomb", limits);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().kind, ErrorKind::kTooLarge);
  EXPECT_EQ(table.error().text(), "bomb:1: the line is longer than the limit of 1048576 bytes");
}

TEST(OutcomeTable, KeepsTheNamedModelsInTheirOrder) {
  auto table = parse_outcome_table(
      R"({"id":"a","prompt":"p","outcomes":{"x":{"quality":0.1},"y":{"quality":0.2},"zebra":{"quality":0.3}}})", "t");
  ASSERT_TRUE(table);
  const auto unknown = table->keep_models({"zebr"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(unknown.error().text(), "the table has no model 'zebr', did you mean 'zebra'?");
  EXPECT_FALSE(table->keep_models({"x", "x"}));
  EXPECT_FALSE(table->keep_models({}));
  ASSERT_TRUE(table->keep_models({"zebra", "x"}));
  EXPECT_EQ(table->models, (std::vector<std::string>{"zebra", "x"}));
  EXPECT_DOUBLE_EQ(table->rows[0].cells[0].quality, 0.3);
  EXPECT_DOUBLE_EQ(table->rows[0].cells[1].quality, 0.1);
}

}  // namespace
}  // namespace thalamus::trace

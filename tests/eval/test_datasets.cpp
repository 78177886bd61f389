// Each public format by a sample of our own words, and what a wrong file is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "folder.h"
#include "thalamus/eval/dataset.h"
#include "thalamus/eval/dataset_files.h"

namespace thalamus::eval {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

trace::OutcomeTable imported(std::string_view format, std::vector<std::filesystem::path> files,
                             TokenPrices prices = {}) {
  auto table = import_dataset(format, {std::move(files), std::move(prices)});
  EXPECT_TRUE(table.has_value()) << table.error().text();
  return table ? std::move(*table) : trace::OutcomeTable{};
}

Error refused(std::string_view format, const std::filesystem::path& file) {
  const auto table = import_dataset(format, {{file}, {}});
  EXPECT_FALSE(table.has_value());
  return table ? Error{} : table.error();
}

TEST(Datasets, EachHasANameHelpAndSource) {
  std::vector<std::string> names;
  for (const auto& record : datasets()) {
    names.emplace_back(record.name);
    EXPECT_FALSE(record.help.empty() || record.source.empty() || record.reads.empty()) << record.name;
  }
  EXPECT_THAT(names, ElementsAre("routerbench", "routellm", "llmrouterbench", "routerarena", "embedllm", "sprout"));
  EXPECT_THAT(require_dataset("routerbnech").error().message, HasSubstr("routerbench"));
  EXPECT_THAT(import_dataset("sprout", {}).error().message, HasSubstr("no file"));
}

TEST(RouterBench, ReadsTheWideCsv) {
  const TestFolder folder;
  const auto table = imported(
      "routerbench",
      {folder.write(
          "r.csv",
          "sample_id,prompt,eval_name,org/one,two,org/one|model_response,two|model_response,"
          "org/one|total_cost,two|total_cost,oracle_model_to_route_to\n"
          "q.1,\"['Name a river.\\nOne word, it\\'s short.']\",rivers,1.0,0.5,Elbe,\"a, b\",0.0001,0.002,org/one\n"
          "q.2,plain text,hills,0.0,,no,no,2e-4,,no model correct\n")});
  EXPECT_THAT(table.models, ElementsAre("org/one", "two"));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].prompt, "Name a river.\nOne word, it's short.");
  EXPECT_EQ(table.rows[0].task, "rivers");
  EXPECT_DOUBLE_EQ(table.rows[0].cells[1].quality, 0.5);
  EXPECT_DOUBLE_EQ(table.rows[0].cells[1].cost_usd, 0.002);
  EXPECT_EQ(table.rows[1].prompt, "plain text");
  EXPECT_FALSE(table.rows[1].cells[1].recorded());
}

TEST(RouterBench, ReadsJsonLinesAndNamesTheFieldThatIsWrong) {
  const TestFolder folder;
  const auto table =
      imported("routerbench",
               {folder.write("r.jsonl", R"({"sample_id":"a","prompt":["one","two"],"eval_name":"t","m":1.0,)"
                                        R"("m|model_response":"x","m|total_cost":0.25,"oracle_model_to_route_to":"m"})"
                                        "\n")});
  EXPECT_EQ(table.rows[0].prompt, "one\ntwo");
  EXPECT_DOUBLE_EQ(table.rows[0].cells[0].cost_usd, 0.25);
  const auto error =
      refused("routerbench", folder.write("w.jsonl", "\n{\"sample_id\":\"a\",\"prompt\":\"p\",\"m\":\"x\"}"));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("w.jsonl:2"), HasSubstr("row.m")));
  EXPECT_THAT(refused("routerbench", folder.write("c.csv", "sample_id,prompt\n1,p\n")).text(),
              AllOf(HasSubstr("c.csv:2"), HasSubstr("|total_cost")));
  EXPECT_THAT(refused("routerbench", folder.write("d.csv", "sample_id,prompt,m,m|total_cost\n1,p,7,0\n")).text(),
              HasSubstr("quality from 0 to 1"));
}

TEST(RouteLlm, ReadsCsvFilesAndMarksContaminatedPrompts) {
  const TestFolder folder;
  const auto table = imported(
      "routellm", {folder.write("mmlu_rivers.csv",
                                "prompt,small,large\n\"Which \"\"one\"\"?\nA. x\nAnswer:\",True,False\nQ,False,True\n"),
                   folder.write("gsm8k_responses.csv",
                                "prompt,small,large,small_response,large_response\nQ2,True,True,\"1,\n2\",3\n"),
                   folder.write("contaminated_prompts.jsonl", "{\"eval_prompt\":\"Q\",\"train_prompt\":\"z\"}\n")});
  EXPECT_THAT(table.models, ElementsAre("small", "large"));
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0].task, "mmlu/rivers");
  EXPECT_EQ(table.rows[0].prompt, "Which \"one\"?\nA. x\nAnswer:");
  EXPECT_EQ(table.rows[0].cells[0].quality, 1);
  EXPECT_TRUE(table.rows[1].contaminated);
  EXPECT_EQ(table.rows[2].task, "gsm8k");
  EXPECT_THAT(refused("routellm", folder.write("mmlu_x.csv", "prompt,m\np,maybe\n")).text(),
              AllOf(HasSubstr("mmlu_x.csv:2"), HasSubstr("column 'm'"), HasSubstr("maybe")));
  EXPECT_THAT(refused("routellm", folder.write("mmlu_y.csv", "prompt,m\np\n")).text(), HasSubstr("1 fields"));
}

TEST(LlmRouterBench, JoinsADocumentOfEachModel) {
  const TestFolder folder;
  const auto one =
      folder.write("a.json", R"({"performance":0.5,"dataset_name":"rivers","split":"test","model_name":"one",)"
                             R"("records":[{"index":1,"origin_query":"Which?","prompt":"P","score":1.0,)"
                             R"("prompt_tokens":10,"completion_tokens":5,"cost":0.001,"raw_output":["x"]},)"
                             R"({"index":2,"origin_query":"Where?","prompt":"P","score":null,"cost":0.1}]})");
  const auto two = folder.write("bench/rivers/test/two/20250101_000000.json",
                                R"({"records":[{"index":2,"origin_query":"Where?","score":0,"cost":0.2}]})");
  const auto table = imported("llmrouterbench", {one, two});
  EXPECT_THAT(table.models, ElementsAre("one", "two"));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].id, "rivers/1");
  EXPECT_EQ(table.rows[0].cells[0].input_tokens, 10);
  EXPECT_FALSE(table.rows[1].cells[0].recorded());
  EXPECT_DOUBLE_EQ(table.rows[1].cells[1].cost_usd, 0.2);
  EXPECT_THAT(refused("llmrouterbench", folder.write("b.json", R"({"model_name":"m","dataset_name":"d",)"
                                                               R"("records":[{"index":1,"score":2}]})"))
                  .text(),
              AllOf(HasSubstr("b.json"), HasSubstr("records[0]"), HasSubstr("quality from 0 to 1")));
  EXPECT_FALSE(import_dataset("llmrouterbench", {{folder.write("c.json", "{\"records\":[")}, {}}).has_value());
}

TEST(RouterArena, ReadsCachedAnswers) {
  const TestFolder folder;
  const auto table = imported(
      "routerarena",
      {folder.write("m.jsonl",
                    R"({"global_index":"Rivers_12","question":"Which?","llm_selected":"m","generated_answer":"x",)"
                    R"("token_usage":{"input_tokens":7,"output_tokens":3,"total_tokens":10},"success":true,)"
                    R"("evaluation_result":{"extracted_answer":"x","score":1.0,"inference_cost":0.0002}})"
                    "\n"
                    R"({"global_index":"Rivers_13","question":"Where?","llm_selected":"m","token_usage":null,)"
                    R"("success":false})"
                    "\n")});
  EXPECT_EQ(table.rows[0].task, "Rivers");
  EXPECT_DOUBLE_EQ(table.rows[0].cells[0].cost_usd, 0.0002);
  EXPECT_EQ(table.rows[0].cells[0].output_tokens, 3);
  EXPECT_FALSE(table.rows[1].cells[0].recorded());
  EXPECT_THAT(refused("routerarena", folder.write("x.jsonl", "{\"global_index\":\"A_1\"}")).text(),
              AllOf(HasSubstr("x.jsonl:1"), HasSubstr("'question'")));
}

TEST(EmbedLlm, ReadsTheLongTable) {
  const TestFolder folder;
  const auto table =
      imported("embedllm", {folder.write("train.csv",
                                         "prompt_id,model_id,category_id,label,prompt,model_name,category\n"
                                         "4,0,1,1,\"Which, then?\",org/one,rivers\n"
                                         "4,1,1,0,\"Which, then?\",org/two,rivers\n"
                                         "5,1,1,1,Where?,org/two,hills\n")});
  EXPECT_THAT(table.models, ElementsAre("org/one", "org/two"));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].cells[1].quality, 0);
  EXPECT_FALSE(table.rows[1].cells[0].recorded());
  EXPECT_EQ(table.rows[1].task, "hills");
  const std::string head = "prompt_id,label,prompt,model_name\n1,1,p,m\n";
  EXPECT_THAT(refused("embedllm", folder.write("a.csv", head + "1,1,p,m\n")).text(),
              AllOf(HasSubstr("a.csv:3"), HasSubstr("already")));
  EXPECT_THAT(refused("embedllm", folder.write("b.csv", head + "1,1,other,n\n")).text(), HasSubstr("another prompt"));
  EXPECT_THAT(refused("embedllm", folder.write("c.csv", "prompt_id,label,prompt\n1,1,p\n")).text(),
              HasSubstr("no column 'model_name'"));
  EXPECT_THAT(refused("embedllm", folder.write("d.csv", "")).text(), HasSubstr("empty"));
}

TEST(Sprout, ReadsWideJsonLinesAndPricesTokens) {
  const TestFolder folder;
  const auto path =
      folder.write("s.jsonl", R"({"key":17,"dataset":"rivers","dataset_level":null,"dataset_idx":3,"prompt":"Which?",)"
                              R"("golden_answer":"x","one":{"response":"x","score":1.0,"num_input_tokens":100,)"
                              R"("num_output_tokens":10,"judge_response":"{}"},"two":{"score":null},"three":null})"
                              "\n");
  const auto prices = parse_token_prices(R"({"one":{"input":2.0,"output":10}})", "prices").value();
  const auto table = imported("sprout", {path}, prices);
  EXPECT_THAT(table.models, ElementsAre("one"));
  EXPECT_EQ(table.rows[0].id, "17");
  EXPECT_DOUBLE_EQ(table.rows[0].cells[0].cost_usd, 300e-6);
  EXPECT_TRUE(std::isnan(imported("sprout", {path}).rows[0].cells[0].cost_usd));
  EXPECT_THAT(refused("sprout", folder.write("t.jsonl", "{\"key\":1,\"prompt\":5}")).text(),
              AllOf(HasSubstr("t.jsonl:1"), HasSubstr("row.prompt")));
  EXPECT_THAT(refused("sprout", folder.write("u.jsonl", "{\"key\":1,")).text(), HasSubstr("u.jsonl:1"));
  EXPECT_THAT(refused("sprout", folder.path() / "absent.jsonl").text(), HasSubstr("absent.jsonl"));
}

TEST(Datasets, EachRefusesAQualityOutsideItsRangeAndNamesTheRow) {
  struct BadRow {
    std::string_view format;
    const char* name;
    const char* text;
    const char* place;
  };
  constexpr BadRow kRows[] = {
      {"routerbench", "r.csv", "sample_id,prompt,m,m|total_cost\n1,p,1,0\n2,q,-1,0\n", "r.csv:3"},
      {"routellm", "mmlu_t.csv", "prompt,m\np,True\nq,1.5\n", "mmlu_t.csv:3"},
      {"llmrouterbench", "l.json",
       R"({"model_name":"m","dataset_name":"d","records":[{"index":1,"score":1},)"
       R"({"index":2,"score":-0.5}]})",
       "records[1]"},
      {"routerarena", "a.jsonl",
       "\n"
       R"({"global_index":"A_1","question":"q","llm_selected":"m","success":true,)"
       R"("evaluation_result":{"score":2}})",
       "a.jsonl:2"},
      {"embedllm", "e.csv", "prompt_id,label,prompt,model_name\n1,1,p,m\n2,7,q,m\n", "e.csv:3"},
      {"sprout", "s.jsonl", R"({"key":1,"prompt":"p","m":{"score":1.5}})", "s.jsonl:1"},
  };
  EXPECT_EQ(std::size(kRows), datasets().size());
  const TestFolder folder;
  for (const BadRow& row : kRows)
    EXPECT_THAT(refused(row.format, folder.write(row.name, row.text)).text(),
                AllOf(HasSubstr(row.name), HasSubstr(row.place), HasSubstr("quality from 0 to 1")))
        << row.format;
}

TEST(Prices, BothSpellingsAreReadAndNegativeOnesRefused) {
  const auto prices =
      parse_token_prices(R"({"m":{"input_token_price_per_million":1,"output_token_price_per_million":2}})", "p")
          .value();
  EXPECT_EQ(prices.at("m").output, 2);
  EXPECT_THAT(parse_token_prices(R"({"m":{"input":-1}})", "p").error().text(), HasSubstr("p.m.input"));
}

TEST(JoinedList, ReadsAPrintedListAndLeavesOtherTextAlone) {
  EXPECT_EQ(joined_list(R"(['a', "b's"])"), "a\nb's");
  EXPECT_EQ(joined_list(R"(['caf\xe9 \u00e9\n'])"), "caf\xc3\xa9 \xc3\xa9\n");
  for (const char* text : {"plain", "[1, 2]", "['open", "[]", "['a' b]", ""}) EXPECT_EQ(joined_list(text), text);
}

TEST(Imported, ATableWritesAndReadsBackAsAnOutcomeTable) {
  const TestFolder folder;
  const auto table = imported("embedllm", {folder.write("e.csv",
                                                        "prompt_id,label,prompt,model_name,category\n"
                                                        "1,1,\"two\nlines\",a,t\n1,0,\"two\nlines\",b,t\n")});
  const auto path = folder.path() / "out.jsonl.gz";
  ASSERT_TRUE(trace::write_outcome_table(table, path).has_value());
  const auto back = trace::read_outcome_table(path).value();
  EXPECT_EQ(back.models, table.models);
  EXPECT_EQ(back.rows[0].prompt, "two\nlines");
  EXPECT_EQ(back.rows[0].cells[1].quality, 0);
}

}  // namespace
}  // namespace thalamus::eval

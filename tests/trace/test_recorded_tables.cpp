/// The recorded tables of other people, where this machine has them: row and model counts as their READMEs state them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "thalamus/trace/outcome_table.h"

namespace thalamus::trace {
namespace {

std::filesystem::path data_folder() {
  if (const char* given = std::getenv("THALAMUS_DATA_DIR"); given != nullptr && *given != '\0') return given;
  return std::filesystem::path(THALAMUS_SOURCE_DIR) / ".." / "shared" / "data";
}

struct Recorded {
  std::string file;
  std::size_t rows;
  std::size_t models;
};

class RecordedTables : public testing::TestWithParam<Recorded> {};

TEST_P(RecordedTables, HaveTheRowsTheirReadmesState) {
  const std::filesystem::path path = data_folder() / GetParam().file;
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "no " << GetParam().file << "; set THALAMUS_DATA_DIR to the folder of recorded tables";
  const auto table = read_outcome_table(path);
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->rows.size(), GetParam().rows);
  EXPECT_EQ(table->models.size(), GetParam().models);
  for (const Row& row : table->rows) ASSERT_EQ(row.cells.size(), table->models.size());
}

INSTANTIATE_TEST_SUITE_P(
    All, RecordedTables,
    testing::Values(
        Recorded{"bfcl-2024-08-11/train.jsonl.gz", 1185, 71}, Recorded{"bfcl-2024-08-11/test.jsonl.gz", 515, 71},
        Recorded{"mmlu-pro-29llm/train.jsonl.gz", 8366, 29}, Recorded{"mmlu-pro-29llm/test.jsonl.gz", 3633, 29},
        Recorded{"routellm-pair/gsm8k.jsonl.gz", 1319, 2}, Recorded{"routellm-pair/mmlu.jsonl.gz", 14042, 2},
        Recorded{"routellm-pair/mt_bench.jsonl.gz", 80, 2}, Recorded{"routerbench-3task/train.jsonl.gz", 2218, 11},
        Recorded{"routerbench-3task/test.jsonl.gz", 946, 11}, Recorded{"routerdc-7llm/train.jsonl.gz", 5935, 7},
        Recorded{"routerdc-7llm/test.jsonl.gz", 9408, 7}, Recorded{"routerdc-7llm/ood.jsonl.gz", 2881, 7},
        Recorded{"routerdc-7llm/extra.jsonl.gz", 2376, 7}));

}  // namespace
}  // namespace thalamus::trace

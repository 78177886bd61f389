// Tables as the learning verbs read them, and outputs looked at before any work.
#include "app/thalamus/tables.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "verb_folder.h"

namespace thalamus::app {
namespace {

TEST(ReadTable, KeepsTheNamedColumnsInTheirOrder) {
  const eval::TestFolder folder;
  const auto table = folder.write("t.jsonl", table_text(4, "a"));
  const auto names = folder.write("names.txt", "cheap\r\n\n  right\n");
  EXPECT_EQ(read_table(table, "").value().models, (std::vector<std::string>{"right", "cheap"}));
  EXPECT_EQ(read_table(table, "cheap").value().models, (std::vector<std::string>{"cheap"}));
  EXPECT_EQ(read_table(table, "@" + names.string()).value().models, (std::vector<std::string>{"cheap", "right"}));
}

TEST(ReadTable, AnUnknownModelIsAnErrorOfTheFileThatNamesTheNearest) {
  const eval::TestFolder folder;
  const std::string table = folder.write("t.jsonl", table_text(4, "a"));
  const auto refused = read_table(table, "cheep");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().where, table);
  EXPECT_NE(refused.error().message.find("'cheap'"), std::string::npos) << refused.error().text();
  const auto absent = read_table(table, "@" + (folder.path() / "absent").string());
  ASSERT_FALSE(absent.has_value());
  EXPECT_NE(absent.error().text().find("absent"), std::string::npos);
}

TEST(ReadTable, BlankLinesAreSaid) {
  const eval::TestFolder folder;
  const std::string table = folder.write("t.jsonl", "\n" + table_text(2, "a") + "\n\n");
  const Printed said = printed([&] { return read_table(table, "").has_value() ? 0 : 1; });
  EXPECT_EQ(said.code, 0);
  EXPECT_NE(said.error.find(table + ": 3 blank lines skipped"), std::string::npos) << said.error;
}

TEST(ReadTables, JoinsRowsUnderTheModelsOfTheFirst) {
  const eval::TestFolder folder;
  const std::string first = folder.write("a.jsonl", table_text(3, "a"));
  const std::string second = folder.write("b.jsonl", table_text(2, "b"));
  const auto joined = read_tables({first, second}, "").value();
  ASSERT_EQ(joined.rows.size(), 5U);
  EXPECT_EQ(joined.rows[3].id, "b0");
  const std::string other =
      folder.write("c.jsonl", "{\"id\":\"c\",\"prompt\":\"x\",\"outcomes\":{\"right\":{\"quality\":1}}}\n");
  const auto refused = read_tables({first, other}, "");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().where, other) << "the one that lacks a model";
}

TEST(OfFile, GivesAPlaceToWhatWasNotFoundAndLeavesOtherErrorsAlone) {
  EXPECT_EQ(of_file({ErrorKind::kNotFound, "no model", {}}, "t.jsonl").error().where, "t.jsonl");
  EXPECT_EQ(of_file({ErrorKind::kNotFound, "no model", "t:3"}, "t.jsonl").error().where, "t:3");
  EXPECT_EQ(of_file({ErrorKind::kInvalidInput, "no number", {}}, "t.jsonl").error().where, "");
}

TEST(CheckLearnable, WantsTwoRowsWithARecordedQuality) {
  trace::OutcomeTable table;
  table.models = {"m"};
  for (const std::size_t recorded : {0U, 1U, 2U}) {
    table.rows.assign(5, trace::Row{});
    for (auto& row : table.rows) row.cells.resize(1);
    for (std::size_t i = 0; i < recorded; ++i) table.rows[i].cells[0].quality = 0;
    const Status enough = check_learnable(table, "t.jsonl");
    EXPECT_EQ(enough.has_value(), recorded == 2) << recorded;
    if (!enough) {
      EXPECT_EQ(enough.error().where, "t.jsonl");
      EXPECT_NE(enough.error().message.find(recorded == 1 ? "one row" : "no row"), std::string::npos);
    }
  }
}

TEST(CheckWritable, LooksThroughLinksAtWhatIsThere) {
  const eval::TestFolder folder;
  const auto link = [&](const char* name, const std::filesystem::path& to) {
    std::filesystem::create_symlink(to, folder.path() / name);
    return (folder.path() / name).string();
  };
  const auto refused = [](const std::string& path, std::string_view why) {
    const Status status = check_writable(path);
    if (status) return false;
    EXPECT_EQ(status.error().kind, ErrorKind::kEnvironment);
    EXPECT_EQ(status.error().where, path);
    return status.error().message.find(why) != std::string::npos;
  };
  EXPECT_TRUE(check_writable("").has_value());
  EXPECT_TRUE(check_writable((folder.path() / "new").string()).has_value());
  EXPECT_TRUE(check_writable(folder.write("old", "x").string()).has_value());
  EXPECT_TRUE(check_writable("/dev/null").has_value());
  EXPECT_TRUE(check_writable(link("device", "/dev/null")).has_value());
  EXPECT_TRUE(check_writable(link("file", folder.path() / "old")).has_value());
  EXPECT_TRUE(check_writable(link("later", folder.path() / "not yet")).has_value());
  EXPECT_TRUE(refused(folder.path().string(), "it is a folder"));
  EXPECT_TRUE(refused(link("folder", folder.path()), "it is a folder"));
  EXPECT_TRUE(refused((folder.path() / "no" / "file").string(), "does not exist"));
  EXPECT_TRUE(refused((folder.path() / "old" / "file").string(), "does not exist"));
  EXPECT_EQ(content(folder.path() / "old"), "x") << "nothing is written by looking";
}

TEST(CheckWritable, SaysWhereThereIsNoPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  const eval::TestFolder folder;
  const auto shut = folder.path() / "shut";
  std::filesystem::create_directory(shut);
  std::filesystem::permissions(shut, std::filesystem::perms::owner_read);
  const Status status = check_writable((shut / "file").string());
  std::filesystem::permissions(shut, std::filesystem::perms::owner_all);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().kind, ErrorKind::kEnvironment);
}

}  // namespace
}  // namespace thalamus::app

#include "thalamus/gateway/probe_journal.h"

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "thalamus/base/file.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"

namespace thalamus::gateway {
namespace {

double number_or_missing(const nlohmann::json& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_number() ? found->get<double>() : trace::kMissing;
}

JournalCell read_cell(const nlohmann::json& line) {
  JournalCell out;
  out.declined = line.value("declined", false);
  out.cell.quality = number_or_missing(line, "quality");
  out.cell.cost_usd = number_or_missing(line, "cost");
  out.cell.input_tokens = number_or_missing(line, "input_tokens");
  out.cell.output_tokens = number_or_missing(line, "output_tokens");
  out.cell.seconds = number_or_missing(line, "latency_s");
  out.cell.answer_hash = line.value("answer_hash", std::string());
  return out;
}

}  // namespace

ProbeJournal::ProbeJournal(ProbeJournal&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, nullptr)), cells_(std::move(other.cells_)) {}

ProbeJournal::~ProbeJournal() {
  if (file_ != nullptr) std::fclose(file_);
}

Result<ProbeJournal> ProbeJournal::open(const std::filesystem::path& path, const std::string& fingerprint) {
  std::map<CellKey, JournalCell> cells;
  auto bytes = base::read_file(path);
  bool fresh = true;
  if (bytes) {
    for (const auto text : base::split(*bytes, '\n')) {
      // A line torn by a kill is the last one and is asked again.
      const auto line = nlohmann::json::parse(text, nullptr, false);
      if (!line.is_object()) continue;
      if (fresh) {
        if (line.value("tasks", std::string()) != fingerprint)
          return fail_at(path.string(), ErrorKind::kConflict,
                         "the journal is of another set of tasks; give another --out, or remove it to start anew");
        fresh = false;
        continue;
      }
      cells[{line.value("id", std::string()), line.value("target", std::string())}] = read_cell(line);
    }
  } else if (bytes.error().kind != ErrorKind::kNotFound) {
    return std::unexpected(bytes.error());
  }
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return fail_at(path.string(), ErrorKind::kEnvironment, "cannot open: {}", std::strerror(errno));
  ProbeJournal journal(path, file);
  journal.cells_ = std::move(cells);
  base::JsonWriter head;
  // A newline first, so that a torn line before it stays one line.
  if (fresh) head.begin_object().field("tasks", fingerprint).end_object();
  const std::string line = (fresh ? head.take() : std::string()) + "\n";
  if (std::fwrite(line.data(), 1, line.size(), file) != line.size() || std::fflush(file) != 0)
    return fail_at(path.string(), ErrorKind::kEnvironment, "cannot write: {}", std::strerror(errno));
  return journal;
}

const JournalCell* ProbeJournal::find(const CellKey& key) const {
  const auto found = cells_.find(key);
  return found == cells_.end() ? nullptr : &found->second;
}

Status ProbeJournal::add(const CellKey& key, const JournalCell& cell) {
  base::JsonWriter out;
  out.begin_object().field("id", key.first).field("target", key.second);
  if (cell.declined) {
    out.field("declined", true);
  } else {
    out.field("quality", cell.cell.quality).field("cost", cell.cell.cost_usd);
    out.field("input_tokens", cell.cell.input_tokens).field("output_tokens", cell.cell.output_tokens);
    out.field("latency_s", cell.cell.seconds).field("answer_hash", cell.cell.answer_hash);
  }
  out.end_object();
  const std::string line = out.take() + "\n";
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0)
    return fail_at(path_.string(), ErrorKind::kEnvironment, "cannot write: {}", std::strerror(errno));
  cells_[key] = cell;
  return {};
}

}  // namespace thalamus::gateway

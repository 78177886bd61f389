// File: magic (8), major (2), minor (2), body length (8), body, CRC-32C of all before it (4). The body is a list of
// sections {tag (4), length (8), bytes}; a reader skips tags it does not know, so a newer minor version can be read.
#include "thalamus/route/snapshot_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "thalamus/base/hash.h"

namespace thalamus::route {
namespace {

constexpr std::string_view kMagic = "THALSNAP";
constexpr std::size_t kHeadBytes = 8 + 2 + 2 + 8;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kOptionsMax = 256;

constexpr std::array<std::string_view, 5> kTags{"HEAD", "FEAT", "ROUT", "HEDS", "CALI"};

void put_raw(std::string& out, std::string_view bytes) { out.append(bytes); }

template <class T>
void put_number(std::string& out, T value) {
  base::ByteWriter writer;
  writer.put(value);
  out.append(writer.bytes());
}

void put_section(std::string& body, std::string_view tag, const base::ByteWriter& content) {
  put_raw(body, tag);
  put_number(body, static_cast<std::uint64_t>(content.bytes().size()));
  put_raw(body, content.bytes());
}

void save_header(const Snapshot::Parts& parts, base::ByteWriter& out) {
  const SnapshotHeader& header = parts.header;
  out.put_string(header.method);
  out.put(static_cast<std::uint32_t>(header.options.size()));
  for (const auto& [name, value] : header.options) {
    out.put_string(name);
    out.put_string(value);
  }
  out.put(static_cast<std::uint32_t>(header.models.size()));
  for (const SnapshotModel& model : header.models) {
    out.put_string(model.name);
    out.put(model.quality_mean);
    out.put(model.cells);
    out.put(model.has_tokens);
    out.put(model.has_seconds);
    out.put(model.has_cost);
  }
  out.put(header.feature_schema);
  out.put(header.training_data_hash);
  out.put(header.training_rows);
  out.put(header.seed);
  out.put_string(header.calibration);
  out.put(header.calibration_error);
  out.put(static_cast<std::uint64_t>(parts.router_dense_size));
  out.put_array(parts.input_token_ratio);
}

Result<SnapshotModel> load_model(base::ByteReader& in) {
  SnapshotModel model;
  TRY(model.name, in.get_string());
  TRY(model.quality_mean, in.get<double>());
  TRY(model.cells, in.get<std::uint64_t>());
  TRY(const auto tokens, in.get<std::uint8_t>());
  TRY(const auto seconds, in.get<std::uint8_t>());
  TRY(const auto cost, in.get<std::uint8_t>());
  model.has_tokens = tokens != 0;
  model.has_seconds = seconds != 0;
  model.has_cost = cost != 0;
  return model;
}

Status load_header(base::ByteReader& in, Snapshot::Parts& parts) {
  SnapshotHeader& header = parts.header;
  TRY(header.method, in.get_string());
  TRY(const auto options, in.get<std::uint32_t>());
  if (options > kOptionsMax) return fail(ErrorKind::kCorrupt, "{} options", options);
  for (std::uint32_t i = 0; i < options; ++i) {
    TRY(auto name, in.get_string());
    TRY(auto value, in.get_string());
    header.options.emplace(std::move(name), std::move(value));
  }
  TRY(const auto models, in.get<std::uint32_t>());
  if (models == 0 || models > core::kTargetsMax)
    return fail(ErrorKind::kCorrupt, "{} models where 1 to {} are possible", models, core::kTargetsMax);
  for (std::uint32_t m = 0; m < models; ++m) {
    TRY(auto model, load_model(in));
    header.models.push_back(std::move(model));
  }
  TRY(header.feature_schema, in.get<std::uint64_t>());
  TRY(header.training_data_hash, in.get<std::uint64_t>());
  TRY(header.training_rows, in.get<std::uint64_t>());
  TRY(header.seed, in.get<std::uint64_t>());
  TRY(header.calibration, in.get_string());
  TRY(header.calibration_error, in.get<double>());
  TRY(const auto router_dense_size, in.get<std::uint64_t>());
  TRY(parts.input_token_ratio, in.get_array<double>());
  parts.router_dense_size = static_cast<std::size_t>(router_dense_size);
  return {};
}

/// The body's sections by tag; unknown ones are left out.
Result<std::map<std::string_view, std::string_view>> split_sections(std::string_view body) {
  std::map<std::string_view, std::string_view> sections;
  base::ByteReader in(body);
  while (in.remaining() > 0) {
    TRY(const auto tag, in.get_raw(4));
    TRY(const auto size, in.get<std::uint64_t>());
    if (size > in.remaining()) return fail(ErrorKind::kCorrupt, "snapshot: section '{}' is longer than the file", tag);
    TRY(const auto content, in.get_raw(static_cast<std::size_t>(size)));
    if (std::find(kTags.begin(), kTags.end(), tag) == kTags.end()) continue;
    if (!sections.emplace(tag, content).second)
      return fail(ErrorKind::kCorrupt, "snapshot: section '{}' occurs twice", tag);
  }
  for (const std::string_view tag : kTags)
    if (!sections.contains(tag)) return fail(ErrorKind::kCorrupt, "snapshot: section '{}' is missing", tag);
  return sections;
}

/// Magic, version, length and checksum; returns the body.
Result<std::string_view> open_envelope(std::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic.substr(0, std::min(kMagic.size(), bytes.size())) || bytes.empty())
    return fail(ErrorKind::kCorrupt, "not a snapshot: the file does not begin with '{}'", kMagic);
  if (bytes.size() < kHeadBytes + kChecksumBytes)
    return fail(ErrorKind::kCorrupt, "snapshot truncated: {} bytes are fewer than its head", bytes.size());
  base::ByteReader in(bytes.substr(kMagic.size()));
  TRY(const auto major, in.get<std::uint16_t>());
  TRY(const auto minor, in.get<std::uint16_t>());
  static_cast<void>(minor);
  TRY(const auto length, in.get<std::uint64_t>());
  if (major != kSnapshotMajor)
    return fail(ErrorKind::kUnsupported, "snapshot of format version {}, this program reads version {}; {}", major,
                kSnapshotMajor, major > kSnapshotMajor ? "update the program" : "train the snapshot anew");
  const std::size_t rest = bytes.size() - kHeadBytes - kChecksumBytes;
  if (length > rest)
    return fail(ErrorKind::kCorrupt, "snapshot truncated: {} of {} body bytes are there", rest, length);
  if (length < rest) return fail(ErrorKind::kCorrupt, "snapshot: {} bytes follow its end", rest - length);
  base::ByteReader tail(bytes.substr(bytes.size() - kChecksumBytes));
  TRY(const auto stored, tail.get<std::uint32_t>());
  const std::uint32_t computed = base::crc32c(bytes.substr(0, bytes.size() - kChecksumBytes));
  if (stored != computed)
    return fail(ErrorKind::kCorrupt, "snapshot damaged: checksum {:08x} where {:08x} is stored", computed, stored);
  return bytes.substr(kHeadBytes, static_cast<std::size_t>(length));
}

Status must_be_used_up(const base::ByteReader& in, std::string_view what) {
  if (in.remaining() != 0) return fail(ErrorKind::kCorrupt, "{}: {} bytes too many", what, in.remaining());
  return {};
}

}  // namespace

std::string encode_snapshot(const Snapshot::Parts& parts) {
  std::string body;
  base::ByteWriter header;
  save_header(parts, header);
  put_section(body, kTags[0], header);
  base::ByteWriter features;
  parts.features.save(features);
  put_section(body, kTags[1], features);
  base::ByteWriter router;
  parts.router->save(router);
  put_section(body, kTags[2], router);
  base::ByteWriter heads;
  parts.output_tokens.save(heads);
  parts.seconds.save(heads);
  parts.cost.save(heads);
  put_section(body, kTags[3], heads);
  base::ByteWriter calibration;
  parts.calibration.save(calibration);
  put_section(body, kTags[4], calibration);

  std::string out(kMagic);
  put_number(out, kSnapshotMajor);
  put_number(out, kSnapshotMinor);
  put_number(out, static_cast<std::uint64_t>(body.size()));
  out.append(body);
  put_number(out, base::crc32c(out));
  return out;
}

Status check_snapshot_parts(const Snapshot::Parts& parts) {
  const SnapshotHeader& header = parts.header;
  if (header.models.empty() || header.models.size() > core::kTargetsMax)
    return fail(ErrorKind::kInvalidInput, "a snapshot needs 1 to {} models, not {}", core::kTargetsMax,
                header.models.size());
  std::set<std::string_view> names;
  for (const SnapshotModel& model : header.models) {
    if (model.name.empty() || !names.insert(model.name).second)
      return fail(ErrorKind::kCorrupt, "snapshot: model name '{}' is empty or given twice", model.name);
    if (!(model.quality_mean >= 0 && model.quality_mean <= 1))
      return fail(ErrorKind::kCorrupt, "snapshot: model '{}' has mean quality {}", model.name, model.quality_mean);
  }
  if (parts.router_dense_size > parts.features.dense_size())
    return fail(ErrorKind::kCorrupt, "snapshot: the router reads {} of {} features", parts.router_dense_size,
                parts.features.dense_size());
  if (parts.input_token_ratio.size() != header.models.size() ||
      !std::all_of(parts.input_token_ratio.begin(), parts.input_token_ratio.end(),
                   [](double ratio) { return ratio > 0 && ratio < 1e6; }))
    return fail(ErrorKind::kCorrupt, "snapshot: expected one positive token ratio a model");
  if (parts.features.schema_hash() != header.feature_schema)
    return fail(ErrorKind::kUnsupported, "snapshot: feature schema {:016x}, computed {:016x}; train the snapshot anew",
                header.feature_schema, parts.features.schema_hash());
  return {};
}

Result<std::unique_ptr<Snapshot::Parts>> decode_snapshot(std::string_view bytes) {
  TRY(const auto body, open_envelope(bytes));
  TRY(const auto sections, split_sections(body));
  auto parts = std::make_unique<Snapshot::Parts>();
  base::ByteReader header(sections.at(kTags[0]));
  CHECK_OK(load_header(header, *parts));  // bytes after it belong to a newer minor version

  base::ByteReader features(sections.at(kTags[1]));
  TRY(parts->features, feature::FeatureSet::load(features));
  CHECK_OK(must_be_used_up(features, "features"));
  parts->header.features = parts->features.names();
  CHECK_OK(check_snapshot_parts(*parts));

  const std::size_t models = parts->header.models.size();
  const Shape shape{models, parts->router_dense_size, parts->features.sparse_size()};
  TRY(const auto* method, require_method(parts->header.method));
  base::ByteReader router(sections.at(kTags[2]));
  TRY(parts->router, method->load(router, shape));
  CHECK_OK(must_be_used_up(router, parts->header.method));

  base::ByteReader heads(sections.at(kTags[3]));
  const std::size_t dense = parts->features.dense_size();
  TRY(parts->output_tokens, Head::load(heads, models, dense, "output tokens"));
  TRY(parts->seconds, Head::load(heads, models, dense, "seconds"));
  TRY(parts->cost, Head::load(heads, models, dense, "cost"));
  CHECK_OK(must_be_used_up(heads, "heads"));

  base::ByteReader calibration(sections.at(kTags[4]));
  TRY(parts->calibration, math::Calibration::load(calibration));
  CHECK_OK(must_be_used_up(calibration, "calibration"));
  return parts;
}

namespace {

constexpr double kOutputTokensUnknown = 256;  // where no table told anything

}  // namespace

Amounts::Amounts(const Snapshot::Parts& parts, const feature::Description& description, std::span<const float> dense,
                 std::span<float> logs, std::size_t targets) noexcept
    : parts_(parts),
      description_(description),
      dense_(dense),
      logs_(logs),
      together_(2 * targets >= parts.header.models.size() && logs.size() >= kHeads * parts.header.models.size()) {}

const Head& Amounts::head(Which which) const noexcept {
  if (which == Which::kTokens) return parts_.output_tokens;
  return which == Which::kSeconds ? parts_.seconds : parts_.cost;
}

Head::Prediction Amounts::known(Which which, std::size_t column) noexcept {
  const Head& asked = head(which);
  if (!together_) return asked.predict(column, dense_);
  const auto index = static_cast<std::size_t>(which);
  const std::span<float> logs = logs_.subspan(index * asked.models(), asked.models());
  if (!have_logs_[index]) asked.predict_logs(dense_, logs);
  have_logs_[index] = true;
  return asked.predict_from(column, logs[column]);
}

Head::Prediction Amounts::mean_of_known(Which which) noexcept {
  double sum = 0;
  double count = 0;
  for (std::size_t m = 0; m < head(which).models(); ++m) {
    if (!head(which).known(m)) continue;
    sum += known(which, m).mean;
    count += 1;
  }
  const double mean = count > 0 ? sum / count : 0;
  return {mean, mean};
}

Head::Prediction Amounts::predict(Which which, const std::optional<std::size_t>& column) noexcept {
  if (column && head(which).known(*column)) return known(which, *column);
  auto& unseen = unseen_[static_cast<std::size_t>(which)];
  if (!unseen) unseen = together_ ? mean_of_known(which) : head(which).predict_unseen(dense_);
  return *unseen;
}

void Amounts::fill(std::optional<std::size_t> column, bool recorded_cost, const core::Prices& prices,
                   core::Estimate& row) noexcept {
  Head::Prediction tokens = predict(Which::kTokens, column);
  if (!parts_.output_tokens.any()) tokens = {kOutputTokensUnknown, kOutputTokensUnknown};
  if (description_.max_output_tokens > 0)
    tokens.mean = std::min(tokens.mean, static_cast<double>(description_.max_output_tokens));
  const Head::Prediction seconds = predict(Which::kSeconds, column);
  row.output_tokens = tokens.mean;
  row.seconds = seconds.mean;
  row.seconds_sd = seconds.sd;
  const bool knows_tokens = column && parts_.output_tokens.known(*column);
  const bool knows_cost = column && parts_.cost.known(*column);
  if (knows_cost && (recorded_cost || !knows_tokens)) {
    const Head::Prediction cost = known(Which::kCost, *column);
    row.cost_usd = cost.mean;
    row.cost_usd_sd = cost.sd;
    return;
  }
  const double ratio = column ? parts_.input_token_ratio[*column] : 1.0;
  const double input = static_cast<double>(description_.input_tokens) * ratio;
  row.cost_usd = (input * prices.input + tokens.mean * prices.output) * 1e-6;
  row.cost_usd_sd = tokens.sd * prices.output * 1e-6;
}

}  // namespace thalamus::route

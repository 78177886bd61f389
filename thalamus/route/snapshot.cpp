#include "thalamus/route/snapshot.h"

#include <algorithm>
#include <cmath>

#include "thalamus/base/file.h"
#include "thalamus/base/hash.h"
#include "thalamus/route/snapshot_file.h"
#include "thalamus/route/snapshot_parts.h"

namespace thalamus::route {
namespace {

constexpr double kUnseenQualitySd = 0.3;  // wide: near the deviation of a uniform guess in [0,1]

/// Mean quality over the models, the prior of a target that the table does not have.
double prior_quality(const SnapshotHeader& header) noexcept {
  double sum = 0;
  for (const SnapshotModel& model : header.models) sum += model.quality_mean;
  return header.models.empty() ? 0.5 : sum / static_cast<double>(header.models.size());
}

double finite_or(double value, double fallback) noexcept { return std::isfinite(value) ? value : fallback; }

}  // namespace

Snapshot::Snapshot(std::unique_ptr<Parts> parts) : parts_(std::move(parts)), reads_(parts_->features.reads()) {
  const MethodRecord* method = find_method(parts_->header.method);
  reads_.question |= method == nullptr || method->needs.documents;
  reads_.tokens |= method == nullptr || method->needs.tokens || method->needs.documents;
}
Snapshot::~Snapshot() = default;

Result<std::shared_ptr<const Snapshot>> Snapshot::build(Parts parts) {
  parts.header.features = parts.features.names();
  parts.header.feature_schema = parts.features.schema_hash();
  CHECK_OK(check_snapshot_parts(parts));
  std::shared_ptr<Snapshot> snapshot(new Snapshot(std::make_unique<Parts>(std::move(parts))));
  snapshot->content_hash_ = base::hash64(snapshot->bytes());
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

Result<std::shared_ptr<const Snapshot>> Snapshot::load(std::string_view bytes) {
  TRY(auto parts, decode_snapshot(bytes));
  std::shared_ptr<Snapshot> snapshot(new Snapshot(std::move(parts)));
  snapshot->content_hash_ = base::hash64(bytes);
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

Result<std::shared_ptr<const Snapshot>> Snapshot::load_file(const std::filesystem::path& path) {
  TRY(const auto bytes, base::read_file(path, kSnapshotBytesMax));
  auto snapshot = load(bytes);
  if (!snapshot && snapshot.error().where.empty()) snapshot.error().where = path.string();
  return snapshot;
}

std::string Snapshot::bytes() const { return encode_snapshot(*parts_); }
const SnapshotHeader& Snapshot::header() const noexcept { return parts_->header; }
std::uint64_t Snapshot::content_hash() const noexcept { return content_hash_; }

bool Snapshot::ready(const feature::Description& description) const noexcept {
  return parts_->features.ready(description);
}
bool Snapshot::request(const feature::Description& description, std::function<void()> done) const {
  return parts_->features.request(description, std::move(done));
}

TargetMap Snapshot::map_targets(std::span<const core::Target> targets) const {
  const auto& models = parts_->header.models;
  TargetMap map;
  std::vector<bool> used(models.size(), false);
  for (const core::Target& target : targets) {
    const auto found = std::find_if(models.begin(), models.end(),
                                    [&](const SnapshotModel& model) { return model.name == target.name; });
    if (target.kind == core::TargetKind::kTool || found == models.end()) {
      map.column.push_back(TargetMap::kUnseen);
      if (target.kind != core::TargetKind::kTool) map.unseen.push_back(target.name);
      continue;
    }
    const auto column = found - models.begin();
    used[static_cast<std::size_t>(column)] = true;
    map.column.push_back(static_cast<std::int32_t>(column));
  }
  for (std::size_t m = 0; m < models.size(); ++m)
    if (!used[m]) map.unused.push_back(models[m].name);
  return map;
}

std::vector<core::Target> Snapshot::own_targets() const {
  std::vector<core::Target> targets;
  for (const SnapshotModel& model : parts_->header.models) {
    core::Target target;
    target.name = model.name;
    targets.push_back(std::move(target));
  }
  return targets;
}

TargetMap Snapshot::map_own() const {
  TargetMap map = map_targets(own_targets());
  map.recorded_cost = true;
  return map;
}

void Snapshot::prepare(Scratch& scratch) const {
  const std::size_t models = parts_->header.models.size();
  if (scratch.dense.size() < parts_->features.dense_size()) scratch.dense.resize(parts_->features.dense_size());
  scratch.sparse.reserve();
  if (scratch.quality.size() < models) scratch.quality.resize(models);
  if (scratch.quality_sd.size() < models) scratch.quality_sd.resize(models);
  if (scratch.head_logs.size() < Amounts::kHeads * models) scratch.head_logs.resize(Amounts::kHeads * models);
  if (scratch.sums.size() < kScratchSums) scratch.sums.resize(kScratchSums);
  parts_->router->prepare(scratch);
  scratch.prepared_for = content_hash_;
}

void Snapshot::estimate(const feature::Description& description, const TargetMap& map,
                        std::span<const core::Target> targets, Scratch& scratch, core::Estimates& out) const noexcept {
  const Parts& parts = *parts_;
  const std::size_t models = parts.header.models.size();
  if (scratch.prepared_for != content_hash_) prepare(scratch);
  const std::span<float> dense(scratch.dense.data(), parts.features.dense_size());
  parts.features.transform(description, dense, scratch.sparse);
  const std::span<float> quality(scratch.quality.data(), models);
  const std::span<float> quality_sd(scratch.quality_sd.data(), models);
  const FeatureView view{&description, dense.first(parts.router_dense_size), scratch.sparse.view()};
  parts.router->estimate(view, scratch, quality, quality_sd);
  const bool direct = parts.router->output() == Output::kPreference;

  out.reset(targets.size());
  out.input_tokens = description.input_tokens;
  out.has_preference = direct;
  const double unseen_quality = prior_quality(parts.header);
  Amounts amounts(parts, description, dense, scratch.head_logs, targets.size());
  for (std::size_t t = 0; t < out.size(); ++t) {
    if (targets[t].kind == core::TargetKind::kTool) continue;
    const std::int32_t mapped = t < map.column.size() ? map.column[t] : TargetMap::kUnseen;
    const bool seen = mapped >= 0 && static_cast<std::size_t>(mapped) < models;
    const auto column = static_cast<std::size_t>(seen ? mapped : 0);
    core::Estimate& row = out[t];
    row.quality = unseen_quality;
    row.quality_sd = kUnseenQualitySd;
    if (seen && direct) {
      row.preference = static_cast<double>(quality[column]);
      row.quality = parts.header.models[column].quality_mean;
    } else if (seen) {
      const double raw = finite_or(static_cast<double>(quality[column]), unseen_quality);
      const auto [value, slope] = parts.calibration.map(raw);
      row.quality = value;
      row.quality_sd = std::min(0.5, static_cast<double>(quality_sd[column]) * slope);
    }
    amounts.fill(seen ? std::optional(column) : std::nullopt, map.recorded_cost, targets[t].prices, row);
  }
}

std::span<const float> Snapshot::features(const Scratch& scratch) const noexcept {
  return std::span<const float>(scratch.dense).first(std::min(scratch.dense.size(), parts_->features.dense_size()));
}

}  // namespace thalamus::route

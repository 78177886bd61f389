#include "thalamus/feature/static_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "thalamus/base/bytes.h"
#include "thalamus/base/file.h"
#include "thalamus/base/hash.h"
#include "thalamus/math/kernels.h"
#include "thalamus/math/symmetric.h"

namespace thalamus::feature {
namespace {

constexpr std::string_view kMagic = "THALSTAT";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kPiecesAtOnce = 64;
constexpr float kScaleMax = 1e6F;

/// The vectors of all pieces but those in brackets, whose rows stay zero.
Result<std::vector<float>> encode_vocabulary(const Encoder& encoder, const std::function<bool(double)>& progress) {
  const std::size_t dims = encoder.dims();
  const auto count = static_cast<std::uint32_t>(encoder.words().size());
  std::vector<std::uint32_t> wanted;
  for (std::uint32_t id = 0; id < count; ++id)
    if (!(encoder.words().piece(id).starts_with('[') && encoder.words().piece(id).size() > 1)) wanted.push_back(id);
  std::vector<float> rows(count * dims, 0.0F);
  std::vector<float> part;
  for (std::size_t begin = 0; begin < wanted.size(); begin += kPiecesAtOnce) {
    if (progress && !progress(static_cast<double>(begin) / static_cast<double>(wanted.size())))
      return fail(ErrorKind::kCancelled, "distilling was interrupted");
    const auto ids =
        std::span<const std::uint32_t>(wanted).subspan(begin, std::min(kPiecesAtOnce, wanted.size() - begin));
    part.assign(ids.size() * dims, 0.0F);
    CHECK_OK(encoder.encode_pieces(ids, part));
    for (std::size_t i = 0; i < ids.size(); ++i)
      std::copy_n(part.begin() + static_cast<std::ptrdiff_t>(i * dims), dims,
                  rows.begin() + static_cast<std::ptrdiff_t>(ids[i] * dims));
  }
  return rows;
}

bool is_zero(std::span<const float> row) noexcept {
  return std::all_of(row.begin(), row.end(), [](float x) { return x == 0.0F; });
}

/// Subtracts the mean of the rows that are not zero from each of them; returns their covariance.
std::vector<double> centre(std::span<float> rows, std::size_t dims) {
  std::vector<double> mean(dims, 0.0);
  double count = 0;
  const std::size_t size = rows.size() / dims;
  std::vector<bool> used(size);
  for (std::size_t r = 0; r < size; ++r) {
    const auto row = rows.subspan(r * dims, dims);
    used[r] = !is_zero(row);
    if (!used[r]) continue;
    count += 1;
    for (std::size_t d = 0; d < dims; ++d) mean[d] += static_cast<double>(row[d]);
  }
  std::vector<double> covariance(dims * dims, 0.0);
  for (std::size_t r = 0; r < size; ++r) {
    if (!used[r]) continue;
    const auto row = rows.subspan(r * dims, dims);
    for (std::size_t d = 0; d < dims; ++d) row[d] = static_cast<float>(static_cast<double>(row[d]) - mean[d] / count);
    for (std::size_t a = 0; a < dims; ++a)
      for (std::size_t b = a; b < dims; ++b)
        covariance[a * dims + b] += static_cast<double>(row[a]) * static_cast<double>(row[b]);
  }
  for (double& value : covariance) value /= std::max(1.0, count);
  return covariance;
}

void keep_in_bytes(std::span<const float> vector, StaticVectors& out) {
  float largest = 0;
  for (const float x : vector) largest = std::max(largest, std::abs(x));
  out.scales.push_back(largest / 127.0F);
  for (const float x : vector)
    out.numbers.push_back(largest > 0 ? static_cast<std::int8_t>(std::lround(x / largest * 127.0F)) : std::int8_t{0});
}

}  // namespace

std::string StaticVectors::bytes() const {
  base::ByteWriter out;
  for (const char c : kMagic) out.put(c);
  out.put(kVersion);
  out.put(dims);
  out.put(encoder);
  out.put(static_cast<std::uint64_t>(pieces.size()));
  for (const std::string& piece : pieces) out.put_string(piece);
  out.put_array(scales);
  out.put_array(numbers);
  out.put(base::crc32c(out.bytes()));
  return out.take();
}

Result<StaticVectors> StaticVectors::load(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return fail(ErrorKind::kCorrupt, "this is no file of static vectors");
  if (bytes.size() < kMagic.size() + 2 * sizeof(std::uint32_t))
    return fail(ErrorKind::kCorrupt, "static vectors: truncated");
  base::ByteReader tail(bytes.substr(bytes.size() - sizeof(std::uint32_t)));
  TRY(const auto checksum, tail.get<std::uint32_t>());
  bytes.remove_suffix(sizeof(std::uint32_t));
  base::ByteReader in(bytes.substr(kMagic.size()));
  TRY(const auto version, in.get<std::uint32_t>());
  if (version != kVersion)
    return fail(ErrorKind::kUnsupported, "static vectors: version {} is not known here (known: {})", version, kVersion);
  if (base::crc32c(bytes) != checksum)
    return fail(ErrorKind::kCorrupt, "static vectors: content and checksum differ; the file is truncated or damaged");
  StaticVectors out;
  TRY(out.dims, in.get<std::uint32_t>());
  TRY(out.encoder, in.get<std::uint64_t>());
  TRY(const auto count, in.get<std::uint64_t>());
  if (out.dims < 1 || out.dims > kStaticDimsMax || count < 1 || count > kVocabularySizeMax)
    return fail(ErrorKind::kCorrupt, "static vectors: {} pieces of {} dimensions are out of bounds", count, out.dims);
  for (std::uint64_t i = 0; i < count; ++i) {
    TRY(auto piece, in.get_string());
    out.pieces.push_back(std::move(piece));
  }
  TRY(out.scales, in.get_array<float>());
  TRY(out.numbers, in.get_array<std::int8_t>());
  if (in.remaining() != 0 || out.scales.size() != count || out.numbers.size() != count * out.dims)
    return fail(ErrorKind::kCorrupt, "static vectors: {} scales and {} numbers for {} pieces of {} dimensions",
                out.scales.size(), out.numbers.size(), count, out.dims);
  if (!std::all_of(out.scales.begin(), out.scales.end(), [](float x) { return x >= 0 && x <= kScaleMax; }))
    return fail(ErrorKind::kCorrupt, "static vectors: a scale is out of bounds");
  return out;
}

Result<StaticVectors> StaticVectors::load_file(const std::filesystem::path& path) {
  TRY(const auto bytes, base::read_file(path, kStaticBytesMax));
  auto loaded = load(bytes);
  if (!loaded && loaded.error().where.empty()) loaded.error().where = path.string();
  return loaded;
}

Result<StaticVectors> distil_static(const Encoder& encoder, std::size_t dims,
                                    const std::function<bool(double)>& progress) {
  const std::size_t wide = encoder.dims();
  if (dims < 1 || dims > wide)
    return fail(ErrorKind::kInvalidInput, "dims: {} is outside 1..{}, the encoder's own", dims, wide);
  TRY(auto rows, encode_vocabulary(encoder, progress));
  const math::SymmetricEigen axes = math::decompose_symmetric(centre(rows, wide), wide);
  std::vector<float> kept(axes.vectors.begin(), axes.vectors.begin() + static_cast<std::ptrdiff_t>(dims * wide));
  StaticVectors out;
  out.dims = static_cast<std::uint32_t>(dims);
  out.encoder = encoder.content();
  std::vector<float> projected(dims);
  for (std::uint32_t id = 0; id < encoder.words().size(); ++id) {
    const auto row = std::span<const float>(rows).subspan(id * wide, wide);
    for (std::size_t d = 0; d < dims; ++d)
      projected[d] = math::dot(row, std::span<const float>(kept).subspan(d * wide, wide));
    out.pieces.emplace_back(encoder.words().piece(id));
    keep_in_bytes(projected, out);
  }
  return out;
}

Result<std::filesystem::path> static_folder() {
  TRY(const auto cache, base::cache_folder());
  return cache / "static";
}

std::string static_file_name(std::uint32_t dims, std::string_view bytes) {
  return fmt::format("static-{}-{:016x}.vectors", dims, base::hash64(bytes));
}

}  // namespace thalamus::feature

// The verb distil: the sentence encoder's vocabulary -> the token vectors of the feature `static`, as a file.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

#include "app/thalamus/tables.h"
#include "app/thalamus/verbs.h"
#include "thalamus/base/file.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/feature/static_vectors.h"

namespace thalamus::app {
namespace {

struct Written {
  std::filesystem::path path;
  std::size_t bytes = 0;
  std::size_t pieces = 0;
};

Result<Written> distil_file(const DistilArguments& arguments) {
  CHECK_OK(check_writable(arguments.out));
  const feature::EncoderFiles files{arguments.model, arguments.vocabulary, arguments.runtime};
  TRY(const auto encoder, feature::Encoder::open(files, {}));
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  int shown = -1;
  const auto progress = [&](double done) {
    const int percent = static_cast<int>(done * (terminal ? 100 : 10)) * (terminal ? 1 : 10);
    if (arguments.quiet || percent == shown) return true;
    shown = percent;
    std::fprintf(stderr, terminal ? "\rencoding the vocabulary: %d %%" : "encoding the vocabulary: %d %%\n", percent);
    return true;
  };
  TRY(const auto vectors, feature::distil_static(*encoder, static_cast<std::size_t>(arguments.dims), progress));
  if (terminal && shown >= 0) std::fputc('\n', stderr);
  const std::string bytes = vectors.bytes();
  Written written{arguments.out, bytes.size(), vectors.pieces.size()};
  if (written.path.empty()) {
    TRY(const auto folder, feature::static_folder());
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail_at(folder.string(), ErrorKind::kEnvironment, "cannot create folder: {}", error.message());
    written.path = folder / feature::static_file_name(vectors.dims, bytes);
  }
  CHECK_OK(base::write_file_atomic(written.path, bytes));
  return written;
}

}  // namespace

int distil(const DistilArguments& arguments, Style style) {
  const auto written = distil_file(arguments);
  if (!written) return report(written.error(), style);
  if (style == Style::kJson) {
    base::JsonWriter out;
    out.begin_object().field("file", written->path.string()).field("dims", arguments.dims);
    out.field("pieces", static_cast<std::int64_t>(written->pieces));
    out.field("bytes", static_cast<std::int64_t>(written->bytes)).end_object();
    fmt::print("{}\n", out.text());
  } else {
    fmt::print("wrote {} ({} pieces, {} dimensions, {} bytes)\n", written->path.string(), written->pieces,
               arguments.dims, written->bytes);
  }
  return base::kExitDone;
}

}  // namespace thalamus::app

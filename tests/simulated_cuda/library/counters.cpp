// What a real GPU would have been asked to do, counted, and written when the process ends.
#include "counters.h"

#include <execinfo.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

namespace simulated_cuda {
namespace {

constexpr std::array<const char*, 5> NAMES = {
    "launches", "reads", "uploads", "blocking_uploads", "synchronisations"};

// The innermost frames of the program that are kept of each place.
constexpr size_t FRAMES = 12;

using Frames = std::vector<uintptr_t>;
using Place = std::pair<std::string, Frames>;

struct Counts {
  std::mutex mutex;
  bool breakdown = std::getenv("SIMULATED_CUDA_BREAKDOWN") != nullptr;
  std::array<uint64_t, NAMES.size()> sums{};
  std::array<std::map<std::string, uint64_t>, NAMES.size()> operators;
  std::array<std::map<Place, uint64_t>, NAMES.size()> places;
  size_t peak = 0;
};

// Never destroyed: tensors in static memory are freed after the destructors of this library.
Counts& counts() {
  static Counts* counts = new Counts;
  return *counts;
}

struct Program {
  uintptr_t start = 0, begin = UINTPTR_MAX, end = 0;
};

// Where the program itself lies, without its libraries: the first object that the loader lists.
Program locate_program() {
  Program program;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* found) {
        auto& program = *static_cast<Program*>(found);
        program.start = info->dlpi_addr;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD) continue;
          const uintptr_t at = info->dlpi_addr + segment.p_vaddr;
          program.begin = std::min(program.begin, at);
          program.end = std::max(program.end, at + segment.p_memsz);
        }
        return 1;
      },
      &program);
  return program;
}

Frames frames_of_the_program() {
  static const Program program = locate_program();
  std::array<void*, 128> addresses;
  const int depth = backtrace(addresses.data(), static_cast<int>(addresses.size()));
  Frames frames;
  for (int i = 0; i < depth && frames.size() < FRAMES; ++i) {
    const auto address = reinterpret_cast<uintptr_t>(addresses[i]);
    // A return address is behind its call, which may be another line: one byte back is in it.
    if (address >= program.begin && address < program.end) frames.push_back(address - program.start - 1);
  }
  return frames;
}

void write_sums(std::FILE* file, const Counts& counts) {
  for (size_t i = 0; i < NAMES.size(); ++i) {
    std::fprintf(file, "  \"%s\": %llu,\n", NAMES[i], static_cast<unsigned long long>(counts.sums[i]));
  }
  std::fprintf(file, "  \"peak_bytes\": %zu", counts.peak);
}

void write_operators(std::FILE* file, const Counts& counts) {
  std::fprintf(file, ",\n  \"operators\": {");
  for (size_t i = 0; i < NAMES.size(); ++i) {
    std::fprintf(file, "%s\n    \"%s\": {", i ? "," : "", NAMES[i]);
    const char* comma = "";
    for (const auto& [name, sum] : counts.operators[i]) {
      std::fprintf(file, "%s\"%s\": %llu", comma, name.c_str(), static_cast<unsigned long long>(sum));
      comma = ", ";
    }
    std::fprintf(file, "}");
  }
  std::fprintf(file, "\n  }");
}

void write_places(std::FILE* file, const Counts& counts) {
  std::fprintf(file, ",\n  \"places\": [");
  const char* comma = "";
  for (size_t i = 0; i < NAMES.size(); ++i) {
    for (const auto& [place, sum] : counts.places[i]) {
      std::fprintf(file, "%s\n    {\"event\": \"%s\", \"operator\": \"%s\", \"count\": %llu, \"frames\": [",
                   comma, NAMES[i], place.first.c_str(), static_cast<unsigned long long>(sum));
      for (size_t f = 0; f < place.second.size(); ++f) {
        std::fprintf(file, "%s\"%#lx\"", f ? ", " : "", static_cast<unsigned long>(place.second[f]));
      }
      std::fprintf(file, "]}");
      comma = ",";
    }
  }
  std::fprintf(file, "\n  ]");
}

__attribute__((destructor)) void write_counts() {
  const char* path = std::getenv("SIMULATED_CUDA_COUNTS");
  if (path == nullptr) return;
  std::FILE* file = std::fopen(path, "w");
  if (file == nullptr) {
    std::fprintf(stderr, "simulated CUDA: can't write the counts to %s\n", path);
    return;
  }
  Counts& all = counts();
  std::lock_guard<std::mutex> lock(all.mutex);
  std::fprintf(file, "{\n");
  write_sums(file, all);
  if (all.breakdown) {
    write_operators(file, all);
    write_places(file, all);
  }
  std::fprintf(file, "\n}\n");
  std::fclose(file);
}

}  // namespace

void count(Event event, const std::string& name) {
  Counts& all = counts();
  const auto i = static_cast<size_t>(event);
  std::lock_guard<std::mutex> lock(all.mutex);
  ++all.sums[i];
  if (!all.breakdown) return;
  ++all.operators[i][name];
  if (event == Event::Read || event == Event::BlockingUpload) {
    ++all.places[i][{name, frames_of_the_program()}];
  }
}

void note_memory(size_t bytes) {
  Counts& all = counts();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.peak = std::max(all.peak, bytes);
}

}  // namespace simulated_cuda

# Shared build rules: warnings are errors, one function a library, one function a test.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")  # function names and lines: for backtraces and profiles
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka)

# Standalone Asio, for the files that run a loop: headers only, included by .cpp files and private headers (they cost
# seconds a file), so that no library shows them to those that link it.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(tributary_asio INTERFACE)
target_include_directories(tributary_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
target_compile_definitions(tributary_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED
  ASIO_DISABLE_STD_ALIGNED_ALLOC)  # else it depends on the order of includes, and files of one program differ
target_link_libraries(tributary_asio INTERFACE Threads::Threads)

add_library(tributary_options INTERFACE)
target_include_directories(tributary_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(tributary_options INTERFACE -Wall -Wextra -Werror -Wno-missing-field-initializers
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # GCC bug 105651: false positives in std::string
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
if(TRIBUTARY_SANITIZE)
  add_compile_options(-fsanitize=${TRIBUTARY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TRIBUTARY_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-tsan)
  endif()
endif()
if(TRIBUTARY_FUZZ)
  # Every library is instrumented; the programs in tests/fuzz bring libFuzzer's main.
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined)
endif()

# Several sources compiled as one: a cold build takes half the time. The preset debug compiles each by itself.
set(CMAKE_UNITY_BUILD ${TRIBUTARY_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
# Wiring and tests run once: compiling them well takes longer than it saves.
set(TRIBUTARY_QUICK_COMPILE -O0)

# tributary_library(NAME [SEPARATE] [LINK libs...]): every .cpp of the current folder (not main.cpp) as a static library.
# SEPARATE: its sources are never compiled as one.
function(tributary_library name)
  cmake_parse_arguments(ARG "SEPARATE" "" "LINK;SOURCES" ${ARGN})
  if(NOT ARG_SOURCES)
    file(GLOB ARG_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
    list(FILTER ARG_SOURCES EXCLUDE REGEX "/main\\.cpp$")
  endif()
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC tributary_options ${ARG_LINK})
    if(ARG_SEPARATE)
      set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE tributary_options ${ARG_LINK})
  endif()
endfunction()

# Part of the Apical project, under the Apache License v2.0 with LLVM
# Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# How everything here is compiled: C++20 and C11, warnings as errors in our own
# code, LLVM and MLIR 19 through their shared libraries.
#
#   apical_settings(TARGET)               warnings as errors
#   apical_library(NAME SOURCES...)       a static library of ours
#   apical_mlir_library(NAME SOURCES...)  the same, with MLIR and the shared
#                                         precompiled header
#   apical_executable(NAME SOURCES...) and apical_mlir_executable(NAME SOURCES...)
#                                         the like, as programs in build/bin
include_guard(GLOBAL)

# The compiler is chosen by CMakePresets.json and by `x`, before this is read.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR
    "Apical is built with clang 19, not ${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}; "
    "run ./x build, or configure with CC=clang-19 CXX=clang++-19")
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Libraries and programs share one precompiled header, so both compile alike.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON) # to LLVM, where it is not with the system's libraries
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

# LLVM and MLIR, from the same installation. Debian keeps versions side by side
# and names the tool after them.
find_program(LLVM_CONFIG_EXECUTABLE NAMES llvm-config-19 llvm-config)
if(NOT LLVM_CONFIG_EXECUTABLE)
  message(FATAL_ERROR "llvm-config-19 is missing: install llvm-19-dev and libmlir-19-dev")
endif()
execute_process(COMMAND ${LLVM_CONFIG_EXECUTABLE} --cmakedir
  OUTPUT_VARIABLE APICAL_LLVM_CMAKE_DIR OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${LLVM_CONFIG_EXECUTABLE} --prefix
  OUTPUT_VARIABLE APICAL_LLVM_PREFIX OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
set(LLVM_DIR ${APICAL_LLVM_CMAKE_DIR})
find_package(MLIR REQUIRED CONFIG PATHS ${APICAL_LLVM_CMAKE_DIR}/../mlir NO_DEFAULT_PATH)
if(NOT LLVM_VERSION_MAJOR EQUAL 19)
  message(FATAL_ERROR "Apical is built on LLVM 19, not ${LLVM_VERSION}: install llvm-19-dev")
endif()
set(MLIR_TABLEGEN_EXE ${APICAL_LLVM_PREFIX}/bin/mlir-tblgen)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(GNUInstallDirs)

# TableGen names outputs in depfiles from the top of the build folder, as LLVM's own
# build expects; otherwise Ninja would make them again every time.
cmake_policy(SET CMP0116 OLD)
include(TableGen)
include(AddLLVM)
include(AddMLIR)
find_package(Eigen3 REQUIRED NO_MODULE)

include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
# TableGen looks for LLVM's .td files in ordinary include directories.
list(APPEND MLIR_TABLEGEN_FLAGS -I${APICAL_LLVM_PREFIX}/include)
set(LLVM_TABLEGEN_FLAGS -I${APICAL_LLVM_PREFIX}/include)
separate_arguments(APICAL_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_definitions(${APICAL_LLVM_DEFINITIONS})

find_program(APICAL_LLD NAMES ld.lld-19)
if(APICAL_LLD)
  add_link_options(--ld-path=${APICAL_LLD})
endif()

# ccache must be told that a precompiled header is not a reason to give up.
option(APICAL_CCACHE "compile through ccache when it is there" ON)
find_program(APICAL_CCACHE_EXECUTABLE NAMES ccache)
if(APICAL_CCACHE AND APICAL_CCACHE_EXECUTABLE)
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${APICAL_CCACHE_EXECUTABLE})
  endforeach()
endif()

# libstdc++ 12 marks what its own std::stable_sort uses as deprecated, and clang
# reports that in the file that sorts; hence a warning only.
function(apical_settings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Werror -Wno-error=deprecated-declarations)
endfunction()

function(apical_use_project target)
  apical_settings(${target})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}>)
endfunction()

function(apical_library name)
  add_library(${name} STATIC ${ARGN})
  apical_use_project(${name})
endfunction()

function(apical_executable name)
  add_executable(${name} ${ARGN})
  apical_use_project(${name})
endfunction()

# Every target that takes part sees the same flags, or the header is refused.
option(APICAL_PCH "precompile the common MLIR headers" ON)
set(apical_pch_options
  $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
if(APICAL_PCH)
  add_library(apical_pch STATIC EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/cmake/pch.cpp)
  apical_settings(apical_pch)
  target_compile_options(apical_pch PRIVATE ${apical_pch_options})
  target_link_libraries(apical_pch PUBLIC MLIR LLVM)
  target_precompile_headers(apical_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch.h)
endif()

function(apical_use_mlir target)
  apical_use_project(${target})
  target_link_libraries(${target} PUBLIC MLIR LLVM)
  if(APICAL_PCH)
    target_compile_options(${target} PRIVATE ${apical_pch_options})
    target_precompile_headers(${target} REUSE_FROM apical_pch)
  endif()
endfunction()

function(apical_mlir_library name)
  add_library(${name} STATIC ${ARGN})
  apical_use_mlir(${name})
endfunction()

function(apical_mlir_executable name)
  add_executable(${name} ${ARGN})
  apical_use_mlir(${name})
endfunction()

# A page of documentation that TableGen writes from the definitions, so that it
# cannot disagree with them: docs/NAME.md in the build folder, installed.
function(apical_reference name definitions)
  set(page ${PROJECT_BINARY_DIR}/docs/${name}.md)
  add_custom_command(OUTPUT ${page}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/docs
    COMMAND ${MLIR_TABLEGEN_EXE} ${ARGN} -I${APICAL_LLVM_PREFIX}/include
      ${CMAKE_CURRENT_SOURCE_DIR}/${definitions} -o ${page}
    DEPENDS ${definitions}
    VERBATIM)
  add_custom_target(apical_reference_${name} ALL DEPENDS ${page})
  install(FILES ${page} DESTINATION ${CMAKE_INSTALL_DOCDIR})
endfunction()

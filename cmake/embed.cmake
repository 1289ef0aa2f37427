# embed_files(OUTPUT NAME GLOB): a C++ source with `extern const EmbeddedFile NAME[]; extern const std::size_t NAME_count`.
# Written at configure time, again whenever a file of the glob changes.
function(embed_files output name glob)
  file(GLOB files CONFIGURE_DEPENDS ${glob})
  list(SORT files)
  set(entries "")
  foreach(file ${files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(base ${file} NAME)
    file(READ ${file} text)
    # A raw string literal may not exceed 64 KiB; the ledger's scripts are far smaller.
    string(APPEND entries "    {\"${base}\", R\"dbm_embed(${text})dbm_embed\"},\n")
  endforeach()
  list(LENGTH files count)
  file(WRITE ${output}.new "// Generated from the files named below.\n#include \"base/embedded.h\"\n\nnamespace dbm {\nextern const EmbeddedFile ${name}[] = {\n${entries}    {nullptr, nullptr}};\nextern const unsigned long ${name}_count = ${count};\n}  // namespace dbm\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -E copy_if_different ${output}.new ${output})
endfunction()

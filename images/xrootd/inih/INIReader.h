// The class INIReader as XRootD's sources use it, over the inih library (https://github.com/benhoyt/inih).
//
// Releases carry an old copy of that library's C++ class, with members that later ones
// renamed; the source distribution of the Python bindings leaves it out.
#pragma once

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include <ini.h>

class INIReader {
public:
    INIReader() = default;
    explicit INIReader(const std::string &file) : _error(ini_parse(file.c_str(), ValueHandler, this)) {}

    // 0: read; -1: cannot be opened; otherwise the first line with an error.
    int ParseError() const { return _error; }

    const std::set<std::string> &Sections() const { return _sections; }

    std::string Get(const std::string &section, const std::string &name, const std::string &otherwise) const {
        auto found = _values.find(MakeKey(section, name));
        return found == _values.end() ? otherwise : found->second;
    }

    long GetInteger(const std::string &section, const std::string &name, long otherwise) const {
        const std::string text = Get(section, name, "");
        char *end = nullptr;
        const long number = std::strtol(text.c_str(), &end, 0);
        return end > text.c_str() ? number : otherwise;
    }

    bool GetBoolean(const std::string &section, const std::string &name, bool otherwise) const {
        const std::string text = Lower(Get(section, name, ""));
        if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
        if (text == "false" || text == "no" || text == "off" || text == "0") return false;
        return otherwise;
    }

protected:
    int _error = 0;
    std::map<std::string, std::string> _values;
    std::set<std::string> _sections;

    // Names of sections and settings are the same in any case.
    static std::string MakeKey(const std::string &section, const std::string &name) {
        return Lower(section + "=" + name);
    }

    static std::string Lower(std::string text) {
        std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
        return text;
    }

    // A setting that is there twice has both values, a line each.
    static int ValueHandler(void *user, const char *section, const char *name, const char *value) {
        auto *reader = static_cast<INIReader *>(user);
        std::string &known = reader->_values[MakeKey(section, name)];
        known += known.empty() ? value : std::string("\n") + value;
        reader->_sections.insert(section);
        return 1;
    }
};

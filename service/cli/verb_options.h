/* The tables of options that verbs.c puts together. */
#pragma once

#include "service/cli/db_args.h"
#include "service/cli/scan_args.h"

extern const struct option config_options[], help_options[], status_options[], listing_options[],
    zone_options[], passes_options[], changes_options[], diff_options[], deliveries_options[],
    enable_options[], migrate_options[], script_options[], report_options[], annotate_options[],
    tag_options[], approve_options[], asset_options[], doctor_options[], policy_options[],
    forget_options[], identity_options[], import_options[], export_options[], replay_options[];

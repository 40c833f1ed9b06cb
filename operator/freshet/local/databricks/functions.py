"""Names of functions that Databricks has: no other may be called.

After https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-functions-builtin-alpha
"""

__all__ = ["CALLABLE", "TABLE_FUNCTIONS"]

_GRAMMAR = "all and any case exists if or some values"
"""Words of the grammar that may stand before a parenthesis."""
_HINTS = "broadcast broadcastjoin mapjoin merge mergejoin shufflemerge shuffle_hash shuffle_replicate_nl"
_SCALAR = """
abs acos acosh add_months aes_decrypt aes_encrypt array array_append array_compact array_contains array_distinct
array_except array_insert array_intersect array_join array_max array_min array_position array_prepend array_remove
array_repeat array_size array_sort array_union arrays_overlap arrays_zip ascii asin asinh assert_true atan atan2 atanh
base64 bigint bin binary bit_count bit_get bit_length bit_reverse bitmap_bit_position bitmap_bucket_number
bitmap_count boolean bround btrim cardinality cast cbrt ceil ceiling char char_length character_length charindex chr
coalesce collate collation concat concat_ws contains conv convert_timezone cos cosh cot crc32 csc cube curdate
current_catalog current_database current_date current_metastore current_schema current_timestamp current_timezone
current_user current_version date date_add date_diff date_format date_from_unix_date date_part date_sub date_trunc
dateadd datediff day dayname dayofmonth dayofweek dayofyear decimal decode degrees div double e element_at elt encode
endswith equal_null exp expm1 extract factorial filter find_in_set flatten float floor forall format_number
format_string from_csv from_json from_unixtime from_utc_timestamp from_xml get get_json_object getbit getdate greatest
grouping grouping_id hash hex hour hypot iff ifnull ilike initcap input_file_name instr int is_account_group_member
is_member is_valid_utf8 is_variant_null isnan isnotnull isnull json_array_length json_object_keys last_day lcase least
left len length levenshtein like ln locate log log10 log1p log2 lower lpad ltrim luhn_check make_date make_dt_interval
make_interval make_timestamp make_timestamp_ltz make_timestamp_ntz make_valid_utf8 make_ym_interval map map_concat
map_contains_key map_entries map_filter map_from_arrays map_from_entries map_keys map_values map_zip_with mask md5
minute mod monotonically_increasing_id month months_between named_struct nanvl negative next_day now nullif nullifzero
nvl nvl2 octet_length overlay parse_json parse_url pi pmod position positive pow power printf quarter radians
raise_error rand randn random randstr reduce regexp regexp_count regexp_extract regexp_extract_all regexp_instr
regexp_like regexp_replace regexp_substr repeat replace reverse right rint rlike rollup round rpad rtrim schema_of_csv
schema_of_json schema_of_variant schema_of_xml sec second secret sentences sequence session_user session_window sha
sha1 sha2 shiftleft shiftright shiftrightunsigned shuffle sign signum sin sinh size slice smallint sort_array soundex
space spark_partition_id split split_part sqrt startswith str_to_map string struct substr substring substring_index
tan tanh timediff timestamp timestamp_micros timestamp_millis timestamp_seconds timestampadd timestampdiff tinyint
to_binary to_char to_csv to_date to_json to_number to_timestamp to_unix_timestamp to_utc_timestamp to_varchar
to_variant_object to_xml transform transform_keys transform_values translate trim trunc try_add try_aes_decrypt
try_cast try_divide try_element_at try_mod try_multiply try_parse_json try_parse_url try_subtract try_to_binary
try_to_date try_to_number try_to_timestamp try_url_decode try_validate_utf8 try_variant_get typeof ucase unbase64
unhex uniform unix_date unix_micros unix_millis unix_seconds unix_timestamp upper url_decode url_encode user uuid
validate_utf8 variant_get version weekday weekofyear width_bucket window window_time xpath xpath_boolean xpath_double
xpath_int xpath_string xxhash64 year zeroifnull zip_with
"""
_AGGREGATE = """
aggregate any_value approx_count_distinct approx_percentile approx_top_k array_agg avg bit_and bit_or bit_xor
bitmap_construct_agg bitmap_or_agg bool_and bool_or collect_list collect_set corr count count_if count_min_sketch
covar_pop covar_samp every first first_value histogram_numeric hll_sketch_agg hll_sketch_estimate hll_union
hll_union_agg kurtosis last last_value listagg max max_by mean measure median min min_by mode percentile
percentile_approx percentile_cont percentile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
regr_sxx regr_sxy regr_syy schema_of_json_agg schema_of_variant_agg skewness std stddev stddev_pop stddev_samp
string_agg sum try_avg try_sum var_pop var_samp variance
"""
_WINDOW = "cume_dist dense_rank lag lead nth_value ntile percent_rank rank row_number"
_TABLE = """
explode explode_outer inline inline_outer json_tuple posexplode posexplode_outer range read_files sql_keywords stack
table_changes variant_explode variant_explode_outer
"""

TABLE_FUNCTIONS = frozenset(_TABLE.split())
CALLABLE = frozenset(" ".join((_GRAMMAR, _HINTS, _SCALAR, _AGGREGATE, _WINDOW, _TABLE)).split())

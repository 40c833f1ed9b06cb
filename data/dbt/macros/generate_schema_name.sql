{#-
  A custom schema is taken as it is written, and not as <target schema>_<custom schema>, which is dbt's default: the relations
  that loads, models and counts share are then called the same everywhere.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema if custom_schema_name is none else custom_schema_name | trim }}
{%- endmacro %}

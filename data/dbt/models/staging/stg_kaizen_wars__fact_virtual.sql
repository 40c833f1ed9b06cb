-- Typed, renamed, and one row per event: an export may repeat an event, and then its last row counts.
with events as (

    select * from {{ source('kaizen_wars', 'raw_fact_virtual') }}

),

typed as (

    select
        cast(event_id as bigint) as event_id,
        cast(player_id as {{ dbt.type_string() }}) as player_id,
        cast(session_id as {{ dbt.type_string() }}) as session_id,
        cast(event_time as timestamp) as occurred_at,
        lower(trim(kind)) as event_kind,
        lower(trim(item)) as item_name,
        cast(amount as bigint) as koku_amount,
        cast(balance as bigint) as koku_balance,
        upper(trim(region)) as region,
        lower(trim(platform)) as platform
    from events
    where event_id is not null

)

select *
from typed
qualify row_number() over (partition by event_id order by occurred_at desc) = 1

-- Takes the events of a webhook request into the inbox: what the request is acknowledged for.
--
-- HubSpot sends an event again until it is acknowledged, in any order and several at once. What
-- makes it the same is its key, so nothing here depends on how often or when it comes. The rows
-- go in by key: two requests with the same events wait for each other in one order.
create or replace function hubspot_sync.store_events(p_events jsonb, p_types jsonb)
  returns table (stored integer, duplicates integer, ignored integer)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_longest constant integer := 4000;  -- letters of an event that are kept
  v_now timestamptz := hubspot_sync.clock();
begin
  if (jsonb_typeof(p_events) = 'array') is not true then
    raise exception 'the events are no array'
      using errcode = '22023', hint = 'Give the array that HubSpot sent.';
  end if;
  if (jsonb_typeof(p_types) = 'object') is not true
     or exists (select from jsonb_each_text(p_types) t
                 where coalesce(t.value, '') not in
                   ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams')) then
    raise exception 'p_types does not map types of objects to tables'
      using errcode = '22023', hint = 'Give {"0-1": "hubspot_contact_credits", …}.';
  end if;

  return query
    with events as materialized (
      select k.key, (array_agg(e.value order by e.number))[1] as event,
             count(*)::integer as times
        from jsonb_array_elements(p_events) with ordinality e (value, number)
       cross join lateral (
         select encode(sha256(convert_to(
                  case
                    when jsonb_typeof(e.value) <> 'object' then e.value
                    when e.value ?| array['objectId', 'primaryObjectId', 'fromObjectId']
                      then jsonb_build_array(
                        e.value -> 'portalId', e.value -> 'subscriptionType',
                        e.value -> 'objectId', e.value -> 'eventId', e.value -> 'occurredAt',
                        e.value -> 'propertyName', e.value -> 'primaryObjectId',
                        e.value -> 'newObjectId', e.value -> 'fromObjectId',
                        e.value -> 'toObjectId', e.value -> 'associationRemoved',
                        -- Records of two types may have the same id.
                        e.value -> 'objectTypeId')
                    else e.value - 'attemptNumber'
                  end::text, 'UTF8')), 'hex')) k (key)
       group by k.key
    ), signals as materialized (
      select v.key, v.key || coalesce('/' || r.hubspot_id, '') as event_key, v.event,
             r.table_name, r.hubspot_id,
             coalesce(nullif(left(substring(v.event ->> 'subscriptionType' from '[^.]*$'), 50), ''),
                      'unknown') as kind,
             hubspot_sync.is_echo(r.table_name, r.hubspot_id, v.event) as echo
        from events v
        left join lateral hubspot_sync.event_records(v.event, p_types) r on true
    ), inserted as (
      insert into hubspot_sync.webhook_inbox as i
        (table_name, hubspot_id, kind, event, event_key, next_attempt_at, received_at, done_at,
         last_error)
      select s.table_name, s.hubspot_id, s.kind,
             case when length(s.event::text) <= c_longest then s.event
               else jsonb_build_object('cut', left(s.event::text, c_longest)) end,
             s.event_key, v_now, v_now,
             case when s.hubspot_id is null or s.echo then v_now end,
             case
               when s.echo then 'HubSpot is known to hold what this event tells'
               when s.hubspot_id is not null then null
               when jsonb_typeof(s.event) <> 'object' then 'this is no event'
               when s.kind = 'associationChange' then 'no booking is part of this association'
               when s.event ->> 'objectTypeId' is not null
                    and not p_types ? (s.event ->> 'objectTypeId')
                 then format('objects of type %s are not synchronised',
                             left(s.event ->> 'objectTypeId', 100))
               else 'this event names no record of a type that is synchronised'
             end
        from signals s
       order by s.event_key
      on conflict (event_key) do nothing
      returning i.event_key, i.hubspot_id
    ), outcomes as (
      select v.times, count(i.event_key) > 0 as is_new, count(i.hubspot_id) > 0 as usable
        from events v
        join signals s on s.key = v.key
        left join inserted i on i.event_key = s.event_key
       group by v.key, v.times
    )
    select (count(*) filter (where o.usable))::integer,
           coalesce(sum(o.times - o.is_new::integer), 0)::integer,
           (count(*) filter (where o.is_new and not o.usable))::integer
      from outcomes o;
end;
$$;

comment on function hubspot_sync.store_events(jsonb, jsonb) is
  'Stores the events of a webhook request, each once however often it comes, as records to be '
  'read again. p_events: the array as it came. p_types: {objectTypeId: table}. An event that '
  'names no such record, or tells what is known, is kept as done, with the reason; no event stops '
  'the others, and the text of a long one is cut. Answers how many events were stored, were known '
  'already, and cannot be used. Raises 22023 for what is no array, or unknown tables.';
revoke execute on function hubspot_sync.store_events(jsonb, jsonb)
  from public, anon, authenticated;
grant execute on function hubspot_sync.store_events(jsonb, jsonb) to service_role;

-- Adds, in one statement each, the bookings of a page that nobody here knows.
create or replace function hubspot_sync.add_bookings(p_records jsonb)
  returns text[]
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_added text[];
begin
  with unknown as materialized (
    select r.value as record,
           hubspot_sync.complete_booking(hubspot_sync.parse_booking(r.value), r.value) as b
      from jsonb_array_elements(p_records) r
     where r.value #>> '{properties,booking_id}' <> ''
       and not exists (select from hubspot_sync.hubspot_bookings k
                        where k.hubspot_id = r.value ->> 'id')
       and not exists (select from hubspot_sync.hubspot_bookings k
                        where k.booking_id = trim(r.value #>> '{properties,booking_id}')
                          and (k.exempt or not k.exempt))
  ), added as (
    insert into hubspot_sync.hubspot_bookings as k
      (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_name,
       student_email, mock_type, exam_date, is_active, attendance, attending_location,
       dominant_hand, token_used, idempotency_key, exempt, created_at, updated_at,
       hubspot_last_sync_at)
    select (u.b).hubspot_id, (u.b).booking_id, (u.b).mock_exam_id, (u.b).contact_id,
           (u.b).student_id, (u.b).student_name, (u.b).student_email, (u.b).mock_type,
           (u.b).exam_date, (u.b).is_active, (u.b).attendance, (u.b).attending_location,
           (u.b).dominant_hand, (u.b).token_used, (u.b).idempotency_key, (u.b).exempt,
           coalesce((u.b).created_at, v_now), v_now, v_now
      from unknown u
     order by (u.b).mock_exam_id, (u.b).hubspot_id
    returning k.id, k.hubspot_id, k as b
  ), read as (
    select a.id, a.hubspot_id, hubspot_sync.booking_properties(a.b) as ours,
           (select coalesce(jsonb_object_agg(p.key, p.value), '{}')
              from jsonb_each(hubspot_sync.booking_properties(u.b)
                              - '{@contact,@exam}'::text[]) p
             where u.record -> 'properties' ? p.key)
             || hubspot_sync.merge_links(a.b, u.record) as theirs,
           hubspot_sync.parse_moment(u.record ->> 'updatedAt', 'updatedAt') as version
      from added a
      join unknown u on (u.b).hubspot_id = a.hubspot_id
  ), noted as (
    insert into hubspot_sync.sync_shadow
      (record, table_name, properties, version, read_version, read_at, updated_at)
    select r.id, 'hubspot_bookings', r.theirs, r.version, r.version, v_now, v_now
      from read r
  ), queued as (
    -- What is ours to decide and HubSpot has otherwise.
    insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
    select 'hubspot_bookings', r.id, 'resend', jsonb_object_agg(o.key, null)
      from read r
     cross join lateral jsonb_each(r.ours) o
     where r.theirs ? o.key
       and r.theirs -> o.key <> o.value
       and lower(r.theirs ->> o.key) <> lower(o.value #>> '{}')
     group by r.id
  ), healed as (
    update hubspot_sync.sync_errors e
       set resolved_at = v_now
      from added a
     where e.direction = 'hubspot_to_supabase'
       and e.entity = 'hubspot_bookings'
       and e.record is null
       and e.hubspot_id = a.hubspot_id
       and e.resolved_at is null
  )
  select coalesce(array_agg(a.hubspot_id), '{}') into v_added from added a;
  return v_added;
end;
$$;

comment on function hubspot_sync.add_bookings(jsonb) is
  'Inserts those of HubSpot''s bookings that are new here and answers their HubSpot ids. Raises '
  'what the first that cannot be inserted raises, for all of them.';
revoke execute on function hubspot_sync.add_bookings(jsonb) from public, anon, authenticated;

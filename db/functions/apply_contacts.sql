-- Takes contacts as HubSpot has them. A contact we do not have comes with its balances, which
-- from then on are ours; of one we have, only who it is follows HubSpot.
--
-- What was changed here of it and HubSpot does not have yet is protected while it is queued.
create or replace function hubspot_sync.apply_contacts(p_contacts jsonb)
  returns table (applied integer, refused integer)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_record jsonb;
  v_properties jsonb;
  v_id uuid;
  v_new boolean;
  v_last bigint;
  v_pending text[];
  v_reason text;
  v_contacts uuid[];
begin
  -- As in finish_changes: one acknowledgement or import at a time.
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.take_from_hubspot', 0));
  applied := 0;
  refused := 0;
  -- What HubSpot says is not told to it in a note.
  perform set_config('hubspot_sync.source', 'hubspot', true);
  -- In the order of locks of everybody else: all identities, all contacts, then the bookings of
  -- those that will change.
  perform hubspot_sync.claim_identity(i.student_id, i.email)
     from (select distinct r.value #>> '{properties,student_id}' as student_id,
                  lower(r.value #>> '{properties,email}') as email
             from jsonb_array_elements(p_contacts) r
            where r.value #>> '{properties,student_id}' <> ''
              and r.value #>> '{properties,email}' <> ''
            order by 1, 2) i;
  v_contacts := array(
    select c.id
      from jsonb_array_elements(p_contacts) r
      join hubspot_sync.hubspot_contact_credits c on c.hubspot_id = r.value ->> 'id'
    union
    select c.id
      from jsonb_array_elements(p_contacts) r
      join hubspot_sync.hubspot_contact_credits c
        on c.student_id = r.value #>> '{properties,student_id}'
       and lower(c.email) = lower(r.value #>> '{properties,email}'));
  perform from hubspot_sync.hubspot_contact_credits c
    where c.id = any (v_contacts)
    order by c.id
      for no key update;
  perform from hubspot_sync.hubspot_bookings b
    where b.id in (
            select o.id
              from hubspot_sync.hubspot_contact_credits c
              join hubspot_sync.hubspot_bookings o
                on o.student_id = c.student_id and o.contact = c.id
             where c.id = any (v_contacts)
            union
            select o.id
              from jsonb_array_elements(p_contacts) r
              join hubspot_sync.hubspot_bookings o
                on o.contact_id = r.value ->> 'id'
                or o.student_id = r.value #>> '{properties,student_id}'
             where o.contact is null)
    order by b.id
      for no key update;
  for v_record in
    select r.value
      from jsonb_array_elements(p_contacts) r
      left join hubspot_sync.hubspot_contact_credits c on c.hubspot_id = r.value ->> 'id'
     order by c.id, r.value ->> 'id'
  loop
    perform from hubspot_sync.hubspot_contact_credits c
      where c.hubspot_id = v_record ->> 'id' for no key update;
    v_properties := v_record -> 'properties';
    v_reason := case
      when coalesce(jsonb_typeof(v_record -> 'id') not in ('string', 'number'), true)
           or v_record ->> 'id' = '' or length(v_record ->> 'id') > 500 then '22023: no id'
      when coalesce(v_properties ->> 'student_id', '') = '' then '22023: no student_id'
      when coalesce(v_properties ->> 'email', '') = '' then '22023: no email'
    end;
    if v_reason is null then
      begin
        select coalesce(max(q.id), 0) into v_last from hubspot_sync.sync_queue q;
        -- A contact made here, whose id HubSpot has not answered yet, is the same person.
        update hubspot_sync.hubspot_contact_credits c
           set hubspot_id = v_record ->> 'id'
         where c.hubspot_id is null
           and c.student_id = v_properties ->> 'student_id'
           and lower(c.email) = lower(v_properties ->> 'email')
           and not exists (select from hubspot_sync.hubspot_contact_credits o
                            where o.hubspot_id = v_record ->> 'id');
        -- The unique constraint does not see that two spellings of an email are one person.
        if exists (select from hubspot_sync.hubspot_contact_credits o
                    where o.student_id = v_properties ->> 'student_id'
                      and lower(o.email) = lower(v_properties ->> 'email')
                      and o.hubspot_id is distinct from v_record ->> 'id')
           and not exists (select from hubspot_sync.hubspot_contact_credits c
                            where c.hubspot_id = v_record ->> 'id'
                              and c.student_id = v_properties ->> 'student_id'
                              and lower(c.email) = lower(v_properties ->> 'email')) then
          raise unique_violation;
        end if;
        v_pending := array(
          select k.key
            from hubspot_sync.hubspot_contact_credits c
            join hubspot_sync.sync_queue q
              on q.record = c.id and not q.synced and q.dead_at is null
           cross join lateral jsonb_object_keys(q.new_data) k (key)
           where c.hubspot_id = v_record ->> 'id');
        insert into hubspot_sync.hubspot_contact_credits as c
          (hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
           sjmini_credits, mock_discussion_token, shared_mock_credits, created_at, updated_at,
           hubspot_last_sync_at)
        values
          (v_record ->> 'id', v_properties ->> 'student_id', v_properties ->> 'email',
           nullif(v_properties ->> 'firstname', ''), nullif(v_properties ->> 'lastname', ''),
           coalesce(nullif(v_properties ->> 'sj_credits', '')::numeric::integer, 0),
           coalesce(nullif(v_properties ->> 'cs_credits', '')::numeric::integer, 0),
           coalesce(nullif(v_properties ->> 'sjmini_credits', '')::numeric::integer, 0),
           coalesce(nullif(v_properties ->> 'mock_discussion_token', '')::numeric::integer, 0),
           coalesce(nullif(v_properties ->> 'shared_mock_credits', '')::numeric::integer, 0),
           coalesce((v_record ->> 'createdAt')::timestamptz, v_now), v_now, v_now)
        on conflict (hubspot_id) do update
           set student_id = case when 'student_id' = any (v_pending)
                 then c.student_id else excluded.student_id end,
               -- HubSpot lowers emails; the spelling we have stays while it means the same.
               email = case when 'email' = any (v_pending) or lower(c.email) = lower(excluded.email)
                 then c.email else excluded.email end,
               firstname = case when 'firstname' = any (v_pending)
                 then c.firstname else excluded.firstname end,
               lastname = case when 'lastname' = any (v_pending)
                 then c.lastname else excluded.lastname end,
               hubspot_last_sync_at = v_now
        returning c.id, c.xmax = 0 into v_id, v_new;
        -- Of what we have now this much is HubSpot's own: who it is, and a new one's balances.
        perform hubspot_sync.note_shadow('hubspot_contact_credits', (
          select jsonb_build_array(jsonb_build_object(
                   'record', c.id, 'properties', jsonb_object_agg(p.key, p.value)))
            from hubspot_sync.hubspot_contact_credits c
           cross join lateral jsonb_each(hubspot_sync.contact_properties(c)) p
           where c.id = v_id
             and (v_new or p.key in ('student_id', 'email', 'firstname', 'lastname')
                           and p.key <> all (v_pending))
           group by c.id));
        -- Every property written just now has HubSpot's value: it need not go back there.
        delete from hubspot_sync.sync_queue q
         where q.record = v_id
           and not q.synced
           and q.epoch is null
           and q.id > v_last
           and q.operation = 'update'
           and q.new_data - '{student_id,email,firstname,lastname}'::text[] = '{}';
        perform hubspot_sync.resolve_inbound_error('hubspot_contact_credits', v_record ->> 'id');
        applied := applied + 1;
      exception
        when unique_violation then
          v_reason := '23505: another contact has this student_id and email';
        when check_violation then
          v_reason := 'MBCRD: a balance is negative';
        when invalid_text_representation or numeric_value_out_of_range or feature_not_supported
             or invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
             or program_limit_exceeded or invalid_time_zone_displacement_value then
          v_reason := '22023: ' || sqlerrm;
      end;
    end if;
    if v_reason is not null then
      refused := refused + 1;
      perform hubspot_sync.note_inbound_error(
        'hubspot_contact_credits', v_record ->> 'id', v_reason);
    end if;
  end loop;
  perform set_config('hubspot_sync.source', '', true);
  return next;
end;
$$;

comment on function hubspot_sync.apply_contacts(jsonb) is
  'Inserts or updates contacts from HubSpot''s records ({id, properties, createdAt}, as an '
  'array). A record without student id or email, or with an unreadable balance, is refused '
  'alone and noted in sync_errors.';
revoke execute on function hubspot_sync.apply_contacts(jsonb) from public, anon, authenticated;
grant execute on function hubspot_sync.apply_contacts(jsonb) to service_role;

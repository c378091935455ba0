-- Takes contacts as HubSpot has them; see apply_records.
--
-- In the order of locks of everybody else: all identities, all contacts, then the bookings of
-- those that will change.
create or replace function hubspot_sync.apply_contacts(
  p_records jsonb,
  out applied integer,
  out refused jsonb,
  out stale text[]
)
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_records jsonb := p_records;
  v_new text[];
  v_contacts uuid[];
  v_record jsonb;
  v_theirs hubspot_sync.hubspot_contact_credits;
  v_contact hubspot_sync.hubspot_contact_credits;
  v_shadow hubspot_sync.sync_shadow;
  v_version timestamptz;
  v_properties jsonb;
  v_missing text[];
  v_take jsonb;
  v_known boolean;
begin
  applied := 0;
  refused := jsonb_build_object();
  stale := '{}';
  perform hubspot_sync.claim_identity(i.student_id, i.email)
     from (select distinct trim(r.value #>> '{properties,student_id}') as student_id,
                  lower(trim(r.value #>> '{properties,email}')) as email
             from jsonb_array_elements(p_records) r
            where r.value #>> '{properties,student_id}' <> ''
              and r.value #>> '{properties,email}' <> ''
            order by 1, 2) i;
  v_contacts := array(
    select c.id
      from jsonb_array_elements(p_records) r
      cross join lateral unnest(
              array[r.value ->> 'id']
              || string_to_array(r.value #>> '{properties,hs_merged_object_ids}', ';')
              || array(select jsonb_array_elements_text(
                         case jsonb_typeof(r.value -> 'asked') when 'array'
                           then r.value -> 'asked' else '[]' end))) i (id)
      join hubspot_sync.hubspot_contact_credits c on c.hubspot_id = trim(i.id)
    union
    select c.id
      from jsonb_array_elements(p_records) r
      join hubspot_sync.hubspot_contact_credits c
        on c.student_id = trim(r.value #>> '{properties,student_id}')
       and lower(c.email) = lower(trim(r.value #>> '{properties,email}')));
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
              from jsonb_array_elements(p_records) r
              join hubspot_sync.hubspot_bookings o
                on o.contact_id = r.value ->> 'id'
                or o.student_id = trim(r.value #>> '{properties,student_id}')
             where o.contact is null)
    order by b.id
      for no key update;

  -- Whom nobody here knows comes in one statement; what that refuses is looked at one by one.
  begin
    v_new := hubspot_sync.add_contacts(v_records);
    applied := cardinality(v_new);
  exception
    when unique_violation or check_violation or sqlstate '22023'
         or program_limit_exceeded then
      v_new := '{}';
  end;
  for v_record in
    select r.value
      from jsonb_array_elements(v_records) r
      left join hubspot_sync.hubspot_contact_credits c on c.hubspot_id = r.value ->> 'id'
     where r.value ->> 'id' <> all (v_new)
     order by c.id, r.value ->> 'id'
  loop
    begin
      v_theirs := hubspot_sync.parse_contact(v_record);
      v_missing := array_remove(array[
        case when v_theirs.student_id is null then 'student_id' end,
        case when v_theirs.email is null then 'email' end], null);
      v_version := hubspot_sync.parse_moment(v_record ->> 'updatedAt', 'updatedAt');
      if least(v_theirs.sj_credits, v_theirs.cs_credits, v_theirs.sjmini_credits,
               v_theirs.mock_discussion_token, v_theirs.shared_mock_credits) < 0 then
        raise exception 'a balance is negative'
          using errcode = 'MBCRD', hint = 'Correct it in HubSpot: 0 or more.';
      end if;
      v_known := exists (select from hubspot_sync.hubspot_contact_credits c
                          where c.hubspot_id = v_record ->> 'id');
      perform hubspot_sync.find_merged_contact(v_record);
      select c.* into v_contact
        from hubspot_sync.hubspot_contact_credits c
       where c.hubspot_id = v_theirs.hubspot_id
         for no key update;
      select s.* into v_shadow from hubspot_sync.sync_shadow s where s.record = v_contact.id;
      if v_theirs.student_id is null or v_theirs.email is null then
        if v_contact.id is null then
          raise exception '% is missing',
            case when v_theirs.student_id is null then 'student_id' else 'email' end
            using errcode = '22023', hint = 'Fill it in in HubSpot.';
        end if;
        -- Whom we know keeps a name: it is written there again.
        v_theirs.student_id := coalesce(v_theirs.student_id, v_contact.student_id);
        v_theirs.email := coalesce(v_theirs.email, v_contact.email);
      end if;
      if v_version < v_shadow.version then
        stale := stale || v_theirs.hubspot_id;
        continue;
      end if;
      -- The unique constraint does not see that two spellings of an email are one person.
      if exists (select from hubspot_sync.hubspot_contact_credits o
                  where o.student_id = v_theirs.student_id
                    and lower(o.email) = lower(v_theirs.email)
                    and o.id is distinct from v_contact.id)
         and (v_contact.student_id, lower(v_contact.email))
             is distinct from (v_theirs.student_id, lower(v_theirs.email)) then
        raise unique_violation;
      end if;
      if v_contact.id is null then
        -- It comes with its balances, which from then on are ours.
        insert into hubspot_sync.hubspot_contact_credits as c
          (hubspot_id, student_id, email, firstname, lastname, sj_credits, cs_credits,
           sjmini_credits, mock_discussion_token, shared_mock_credits, created_at, updated_at,
           hubspot_last_sync_at)
        values
          (v_theirs.hubspot_id, v_theirs.student_id, v_theirs.email, v_theirs.firstname,
           v_theirs.lastname, v_theirs.sj_credits, v_theirs.cs_credits, v_theirs.sjmini_credits,
           v_theirs.mock_discussion_token, v_theirs.shared_mock_credits,
           coalesce(v_theirs.created_at, v_now), v_now, v_now)
        returning c.* into v_contact;
        perform hubspot_sync.note_shadow('hubspot_contact_credits', jsonb_build_array(
          jsonb_build_object('record', v_contact.id, 'version', v_version, 'how', 'read',
                             'properties', hubspot_sync.contact_properties(v_theirs))));
        update hubspot_sync.sync_shadow s
           set seen = hubspot_sync.history_ends(v_record)
         where s.record = v_contact.id;
      else
        perform hubspot_sync.revive('hubspot_contact_credits', v_contact.id)
          where v_contact.deleted_at is not null;
        -- Made anew, perhaps by us and in part: what is empty there was emptied by nobody.
        if not v_known
           and coalesce(v_record #>> '{properties,hs_merged_object_ids}', '') = '' then
          perform hubspot_sync.resend_record('hubspot_contact_credits', v_contact.id)
            where exists (
              select from jsonb_each_text(v_record -> 'properties') t
               where coalesce(t.value, '') = ''
                 and hubspot_sync.contact_properties(v_contact) ->> t.key not in ('', '0'));
          v_record := v_record || jsonb_build_object('properties', (
            select coalesce(jsonb_object_agg(t.key, t.value), '{}')
              from jsonb_each(v_record -> 'properties') t
             where t.value #>> '{}' <> ''));
        end if;
        select coalesce(jsonb_object_agg(p.key, p.value), '{}')
          into v_properties
          from jsonb_each(hubspot_sync.contact_properties(v_theirs)) p
         where v_record -> 'properties' ? p.key;
        v_properties := v_properties - v_missing;
        -- Without their history balances are not taken, and count as not read.
        v_take := hubspot_sync.merge_record(
          'hubspot_contact_credits', v_contact.id, hubspot_sync.contact_properties(v_contact),
          v_properties, v_version,
          case when v_record ? 'propertiesWithHistory' then 'read' end) -> 'take';
        if v_known and v_missing <> '{}' then
          perform hubspot_sync.note_shadow('hubspot_contact_credits', jsonb_build_array(
            jsonb_build_object('record', v_contact.id, 'version', v_version, 'properties', (
              select jsonb_object_agg(m.field, '') from unnest(v_missing) m (field)))));
          insert into hubspot_sync.sync_conflicts
            (entity, record, field, postgres_value, hubspot_value, decision)
          select 'hubspot_contact_credits', v_contact.id, m.field,
                 hubspot_sync.contact_properties(v_contact) ->> m.field, '',
                 'ours: no student is without it, so it is sent once more'
            from unnest(v_missing) m (field);
          insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
          select 'hubspot_contact_credits', v_contact.id, 'resend', jsonb_object_agg(m.field, null)
            from unnest(v_missing) m (field);
        end if;
        perform set_config('hubspot_sync.ledger_reason', 'hubspot', true);
        update hubspot_sync.hubspot_contact_credits c
           set student_id = case when v_take ? 'student_id'
                 then v_theirs.student_id else c.student_id end,
               email = case when v_take ? 'email' then v_theirs.email else c.email end,
               firstname = case when v_take ? 'firstname'
                 then v_theirs.firstname else c.firstname end,
               lastname = case when v_take ? 'lastname'
                 then v_theirs.lastname else c.lastname end,
               sj_credits = case when v_take ? 'sj_credits'
                 then v_theirs.sj_credits else c.sj_credits end,
               cs_credits = case when v_take ? 'cs_credits'
                 then v_theirs.cs_credits else c.cs_credits end,
               sjmini_credits = case when v_take ? 'sjmini_credits'
                 then v_theirs.sjmini_credits else c.sjmini_credits end,
               mock_discussion_token = case when v_take ? 'mock_discussion_token'
                 then v_theirs.mock_discussion_token else c.mock_discussion_token end,
               shared_mock_credits = case when v_take ? 'shared_mock_credits'
                 then v_theirs.shared_mock_credits else c.shared_mock_credits end,
               hubspot_last_sync_at = v_now,
               updated_at = case when v_take = '{}' then c.updated_at else v_now end
         where c.id = v_contact.id;
        perform set_config('hubspot_sync.ledger_reason', '', true);
        if v_record ? 'propertiesWithHistory' then
          perform hubspot_sync.merge_balances(v_contact.id, v_record);
        elsif not coalesce(v_shadow.properties, '{}') @> (
                select coalesce(jsonb_object_agg(p.key, p.value), '{}')
                  from jsonb_each(v_properties) p
                  join hubspot_sync.field_owners o
                    on o.table_name = 'hubspot_contact_credits'
                   and o.field = p.key
                   and o.owner = 'sum') then
          perform hubspot_sync.store_signals(
            'hubspot_contact_credits', array[v_theirs.hubspot_id], 'stale');
        end if;
      end if;
      perform hubspot_sync.resolve_inbound_error('hubspot_contact_credits', v_theirs.hubspot_id);
      applied := applied + 1;
    exception
      when unique_violation then
        refused := refused || jsonb_build_object(
          v_record ->> 'id', '23505: another contact has this student_id and email');
      when sqlstate '22023' or sqlstate 'MBCRD' then
        refused := refused || jsonb_build_object(
          v_record ->> 'id', sqlstate || ': ' || sqlerrm);
      when program_limit_exceeded or numeric_value_out_of_range then
        refused := refused || jsonb_build_object(v_record ->> 'id', '22023: ' || sqlerrm);
    end;
  end loop;
end;
$$;

comment on function hubspot_sync.apply_contacts(jsonb) is
  'Merges contacts of HubSpot, locked with all they touch. Refuses a record alone for a missing '
  'student id or email or an unreadable value (22023), a negative balance (MBCRD), or a student id '
  'and email that another contact has (23505).';
revoke execute on function hubspot_sync.apply_contacts(jsonb) from public, anon, authenticated;

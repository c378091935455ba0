-- Books one seat and spends one credit, once per idempotency key.
--
-- Lock order: contact, booking, seat counter. Everything that touches two of them takes them
-- in this order and waits for nothing after the counter. The contact's lock makes requests of
-- one student queue, so that a key in flight is seen when its turn comes; the counter is
-- raised by the trigger on bookings as the last write of the insert. What is looked at before
-- the locks may only refuse; the counter decides.
create or replace function api.create_booking(
  p_mock_exam_id text default null,
  p_student_id text default null,
  p_email text default null,
  p_idempotency_key text default null,
  p_student_name text default null,
  p_attending_location text default null,
  p_dominant_hand text default null
)
  returns api.booking
  language plpgsql
  volatile
  security definer
  set search_path = ''
  set lock_timeout = '5s'
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_key text := nullif(trim(p_idempotency_key), '');
  v_request jsonb;
  v_answer api.booking;
  v_exam record;
  v_seats record;
  v_contact hubspot_sync.hubspot_contact_credits;
  v_type hubspot_sync.credit_types;
  v_credit text;
  v_booking hubspot_sync.hubspot_bookings;
  v_missing text;
  v_code text;
  v_message text;
  v_detail text;
  v_hint text;
  v_constraint text;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'create_booking needs isolation level read committed, not %',
      current_setting('transaction_isolation')
      using errcode = 'MBISO', hint = 'Begin the transaction without an isolation level.';
  end if;
  v_missing := case
    when coalesce(trim(p_mock_exam_id), '') = '' then 'p_mock_exam_id'
    when coalesce(trim(p_student_id), '') = '' then 'p_student_id'
    when coalesce(trim(p_email), '') = '' then 'p_email'
  end;
  if v_missing is not null then
    raise exception '% is missing', v_missing
      using errcode = '22023', hint = 'Give p_mock_exam_id, p_student_id and p_email.';
  end if;

  if v_key is not null then
    v_request := jsonb_build_object(
      'p_mock_exam_id', p_mock_exam_id, 'p_student_id', p_student_id,
      'p_email', lower(p_email), 'p_student_name', p_student_name,
      'p_attending_location', p_attending_location, 'p_dominant_hand', p_dominant_hand);
    v_answer := hubspot_sync.replay_booking(v_key, v_request);
    if v_answer.id is not null then
      return v_answer;
    end if;
  end if;

  -- The look without locks.
  select e.id, e.hubspot_id, e.mock_type, e.exam_date, e.starts_at, s.is_open, s.taken,
         s.capacity
    into v_exam
    from hubspot_sync.hubspot_mock_exams e
    join hubspot_sync.exam_seats s on s.exam = e.id
   where e.hubspot_id = trim(p_mock_exam_id);
  if v_exam.id is null then
    v_code := 'MBEXM';
    v_message := format('mock exam %s does not exist', p_mock_exam_id);
    v_hint := 'Take mock_exam_id from api.list_available_exams.';
  elsif not v_exam.is_open then
    v_code := 'MBINA';
    v_message := format('mock exam %s is not open for booking', p_mock_exam_id);
    v_hint := 'Choose another session.';
  elsif v_exam.starts_at is null or v_exam.starts_at <= v_now then
    v_code := 'MBPST';
    v_message := format('mock exam %s has started or has no date', p_mock_exam_id);
    v_detail := format('it starts at %s', v_exam.starts_at);
    v_hint := 'Choose a later session.';
  elsif v_exam.taken >= v_exam.capacity then
    v_code := 'MBFUL';
    v_message := format('mock exam %s is full', p_mock_exam_id);
    v_detail := format('%s of %s seats are taken', v_exam.taken, v_exam.capacity);
    v_hint := 'Choose another session.';
  end if;

  if v_code is null then
    select t.* into v_type from hubspot_sync.credit_types t where t.mock_type = v_exam.mock_type;
    if v_type.mock_type is null then
      v_code := 'MBTYP';
      v_message := format('mock exam %s has a mock type no credit pays for', p_mock_exam_id);
      v_detail := format('its mock type is %s', v_exam.mock_type);
      v_hint := 'Add the type to hubspot_sync.credit_types, or correct the exam.';
    end if;
  end if;

  <<attempt>>
  while v_code is null loop
    begin
      select c.*
        into v_contact
        from hubspot_sync.hubspot_contact_credits c
       where c.student_id = trim(p_student_id)
         and lower(c.email) = lower(trim(p_email))
       order by c.created_at, c.id
       limit 1
         for no key update;
      if v_contact.id is null then
        v_code := 'MBCON';
        v_message := format('no contact has student id %s with this email', p_student_id);
        v_hint := 'Check both; a student who has just paid may not be here yet.';
        exit attempt;
      end if;

      -- Whoever held the contact may have been this very request.
      if exists (select from hubspot_sync.hubspot_bookings b where b.idempotency_key = v_key) then
        return hubspot_sync.replay_booking(v_key, v_request);
      end if;

      select b.booking_id
        into v_booking.booking_id
        from hubspot_sync.hubspot_bookings b
       where b.student_id = v_contact.student_id
         and b.is_active = 'Active'
         and (b.mock_exam_id = v_exam.hubspot_id
              or b.mock_type = v_exam.mock_type and b.exam_date::date = v_exam.exam_date)
       limit 1;
      if found then
        v_code := 'MBDUP';
        v_message := format('student %s has booking %s for this exam, or for this type and day',
                            p_student_id, v_booking.booking_id);
        v_hint := 'Cancel that booking first.';
        exit attempt;
      end if;

      v_credit := case
        when 0 < case v_type.credit
                   when 'sj_credits' then v_contact.sj_credits
                   when 'cs_credits' then v_contact.cs_credits
                   when 'sjmini_credits' then v_contact.sjmini_credits
                   when 'mock_discussion_token' then v_contact.mock_discussion_token
                 end then v_type.credit
        when v_type.shared and v_contact.shared_mock_credits > 0 then 'shared_mock_credits'
      end;
      if v_credit is null then
        v_code := 'MBCRD';
        v_message := format('student %s has no credit for %s', p_student_id, v_type.mock_type);
        v_detail := case when v_type.shared
          then format('%s and shared_mock_credits are 0', v_type.credit)
          else format('%s is 0; shared credits do not pay for this type', v_type.credit) end;
        v_hint := 'Buy a credit, or have one granted.';
        exit attempt;
      end if;

      v_booking.id := gen_random_uuid();
      v_booking.booking_id := hubspot_sync.new_booking_id();
      v_booking.mock_exam_id := v_exam.hubspot_id;
      v_booking.contact_id := v_contact.hubspot_id;
      v_booking.exam := v_exam.id;
      v_booking.contact := v_contact.id;
      v_booking.student_id := v_contact.student_id;
      v_booking.student_email := v_contact.email;
      v_booking.student_name := coalesce(nullif(trim(p_student_name), ''),
        nullif(concat_ws(' ', v_contact.firstname, v_contact.lastname), ''));
      v_booking.mock_type := v_exam.mock_type;
      v_booking.exam_date := v_exam.exam_date;
      v_booking.is_active := 'Active';
      v_booking.attending_location := p_attending_location;
      v_booking.dominant_hand := p_dominant_hand;
      v_booking.token_used := case v_credit
        when 'shared_mock_credits' then 'Shared Token' else v_type.token_name end;
      v_booking.exempt := false;
      v_booking.created_at := v_now;
      v_booking.updated_at := v_now;
      v_answer := hubspot_sync.booking_answer(v_booking, false);
      if v_key is not null then
        v_booking.idempotency_key := v_key;
        v_booking.idempotency_request := v_request;
        v_booking.idempotency_result := to_jsonb(v_answer);
      end if;

      perform hubspot_sync.change_credit(v_contact.id, v_credit, -1, 'booking', v_booking.id);
      insert into hubspot_sync.hubspot_bookings values (v_booking.*);

      -- The counter's row is ours until the end of the transaction: now it decides.
      select s.taken, s.capacity, s.is_open,
             (e.mock_type, e.exam_date, e.starts_at)
               is not distinct from (v_exam.mock_type, v_exam.exam_date, v_exam.starts_at)
               as unchanged
        into v_seats
        from hubspot_sync.exam_seats s
        join hubspot_sync.hubspot_mock_exams e on e.id = s.exam
       where s.exam = v_exam.id;
      if not v_seats.is_open then
        raise exception 'mock exam % is not open for booking', p_mock_exam_id
          using errcode = 'MBINA', hint = 'Choose another session.';
      elsif not v_seats.unchanged then
        raise exception 'mock exam % was moved while it was being booked', p_mock_exam_id
          using errcode = 'MBBSY', hint = 'Look at its new date, then try again.';
      elsif v_seats.taken > v_seats.capacity then
        raise exception 'mock exam % is full', p_mock_exam_id
          using errcode = 'MBFUL',
                detail = format('%s of %s seats are taken', v_seats.taken - 1, v_seats.capacity),
                hint = 'Choose another session.';
      end if;
      return v_answer;
    exception
      when unique_violation then
        -- Only a writer that does not lock the contact gets here: the old application, or a
        -- key used for two students at once.
        get stacked diagnostics v_constraint = constraint_name;
        if v_constraint = 'bookings_booking_id' then
          continue attempt;  -- one in a thousand million a day: take another id
        elsif v_constraint = 'hubspot_bookings_idempotency_key_key' then
          v_answer := hubspot_sync.replay_booking(v_key, v_request);
          if v_answer.id is null then
            continue attempt;  -- its booking is gone again: the key is free
          end if;
          return v_answer;
        elsif v_constraint in ('bookings_one_active_per_exam', 'bookings_one_active_per_day') then
          v_code := 'MBDUP';
          v_message := format('student %s has a booking for this exam, or for this type and day',
                              p_student_id);
          v_hint := 'Cancel that booking first.';
        else
          raise;
        end if;
      when lock_not_available or deadlock_detected then
        raise exception 'mock exam % is busy', p_mock_exam_id
          using errcode = 'MBBSY', hint = 'Send the same request again.';
    end;
  end loop;

  -- Before a refusal, one more look at the key: the same request may have won meanwhile.
  if v_key is not null then
    v_answer := hubspot_sync.replay_booking(v_key, v_request);
    if v_answer.id is not null then
      return v_answer;
    end if;
  end if;
  raise exception '%', v_message
    using errcode = v_code, detail = coalesce(v_detail, ''), hint = v_hint;
end;
$$;

comment on function api.create_booking(text, text, text, text, text, text, text) is
  'Books one seat of an exam for a student and spends one credit, the exam type''s own before a '
  'shared one. p_mock_exam_id: the exam''s HubSpot id. p_email: compared without regard to case. '
  'p_idempotency_key: optional; the same key with the same request answers the first booking '
  'with replayed = true. Raises 22023 (argument missing), MBEXM (no such exam), MBINA (not '
  'open), MBPST (started), MBFUL (full), MBTYP (type without credit), MBCON (no such contact), '
  'MBDUP (already booked), MBCRD (no credit), MBKEY (key of another request), MBBSY (try again), '
  'MBISO (isolation level). A refusal changes nothing and does not use up the key.';
revoke execute on function api.create_booking(text, text, text, text, text, text, text)
  from public;
grant execute on function api.create_booking(text, text, text, text, text, text, text)
  to service_role;
